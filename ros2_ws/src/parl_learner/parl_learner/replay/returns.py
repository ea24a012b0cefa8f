# SPDX-License-Identifier: Apache-2.0
"""Monte-Carlo returns, the lower bound of values in Cal-QL (arXiv 2303.05479)."""

from typing import Literal

import numpy as np

FailureReturn = Literal['endless', 'recorded']


def monte_carlo_returns(
    rewards: np.ndarray,
    terminated: bool,
    discount: float,
    failure_return: FailureReturn = 'endless',
) -> np.ndarray:
    """Compute the discounted return from every step of one episode.

    A success ends the sum. With 'endless', an episode without success continues with its last
    reward r for ever, which is worth r / (1 - discount): a time-out ends the recording, not the
    task. The authors' release does so on the robot and for failed AntMaze episodes. With
    'recorded', the sum ends with the recording, as in the release on Kitchen.

    Args:
        rewards: (N,) rewards of the transitions.
        terminated: Whether the last transition ended in success.
        discount: In [0, 1).
        failure_return: What is added after the end of an episode without success.

    Returns:
        (N,) float32.
    """
    if not 0.0 <= discount < 1.0:
        raise ValueError(f'discount must lie in [0, 1): {discount}')
    ends = terminated or failure_return == 'recorded'
    following = 0.0 if ends else float(rewards[-1]) / (1.0 - discount)
    returns = np.empty(len(rewards), dtype=np.float32)
    for i in reversed(range(len(rewards))):
        following = float(rewards[i]) + discount * following
        returns[i] = following
    return returns
