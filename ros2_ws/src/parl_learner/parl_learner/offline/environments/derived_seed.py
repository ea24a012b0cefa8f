# SPDX-License-Identifier: Apache-2.0
"""Seeds of unlike things that never meet, whatever numbers a user chooses."""

import numpy as np


def derived_seed(purpose: str, *numbers: int) -> int:
    """One seed of 32 bits, for anything that takes one.

    Args:
        purpose: What is drawn with it: 'practice'.
        numbers: Which of those: the run's seed and the episode's number, always as many.
    """
    sequence = np.random.SeedSequence(numbers, spawn_key=tuple(purpose.encode()))
    return int(sequence.generate_state(1)[0])
