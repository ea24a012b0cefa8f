# SPDX-License-Identifier: Apache-2.0
"""Seeds that differ between purposes, for all numbers that a user may choose."""

import numpy as np


def derived_seed(purpose: str, *numbers: int) -> int:
    """Return a seed of 32 bits.

    Args:
        purpose: What the seed is for, such as 'practice'.
        numbers: For example the run's seed and the episode's number; always the same count for
            one purpose.
    """
    sequence = np.random.SeedSequence(numbers, spawn_key=tuple(purpose.encode()))
    return int(sequence.generate_state(1)[0])
