# SPDX-License-Identifier: Apache-2.0
"""Confidence intervals of success rates that also hold for few episodes."""

import math

Z_95 = 1.959963984540054
"""Two-sided 95 % point of the standard normal distribution."""


def wilson_interval(successes: int, episodes: int, z: float = Z_95) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson 1927; method 3 of Newcombe 1998a).

    Args:
        successes: Number in 0…episodes.
        episodes: How many were tried; with 0 nothing is known and the interval is (0, 1).
        z: Quantile of the standard normal distribution, for 95 % by default.

    Returns:
        Lower and upper bound, within [0, 1].

    Raises:
        ValueError: Successes are negative or more than the episodes.
    """
    if not 0 <= successes <= episodes:
        raise ValueError(
            f'{successes} successes of {episodes} episodes: need 0 <= successes <= episodes'
        )
    if episodes == 0:
        return 0.0, 1.0
    rate = successes / episodes
    z2 = z * z
    centre = 2 * successes + z2
    spread = z * math.sqrt(z2 + 4 * successes * (1 - rate))
    scale = 2 * (episodes + z2)
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def difference_interval(
    successes_before: int,
    episodes_before: int,
    successes_after: int,
    episodes_after: int,
    z: float = Z_95,
) -> tuple[float, float]:
    """Return the interval of the gain after - before (method 10 of Newcombe 1998b).

    Args:
        successes_before: Successes of the first policy.
        episodes_before: Independent trials of the first policy.
        successes_after: Successes of the second policy.
        episodes_after: Independent trials of the second policy.
        z: Quantile of the standard normal distribution, for 95 % by default.

    Returns:
        Lower and upper bound, within [-1, 1].

    Raises:
        ValueError: Successes are negative or more than the episodes.
    """
    low_before, high_before = wilson_interval(successes_before, episodes_before, z)
    low_after, high_after = wilson_interval(successes_after, episodes_after, z)
    if episodes_before == 0 or episodes_after == 0:
        return -1.0, 1.0
    before = successes_before / episodes_before
    after = successes_after / episodes_after
    gain = after - before
    return (
        gain - math.hypot(after - low_after, high_before - before),
        gain + math.hypot(high_after - after, before - low_before),
    )
