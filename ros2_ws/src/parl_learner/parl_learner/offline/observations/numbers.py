# SPDX-License-Identifier: Apache-2.0
"""The numbers of observations as one vector."""

from collections.abc import Sequence

import numpy as np


def check_numbers(key: str, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Refuse what is no vector of numbers.

    Args:
        key: Key of the numbers, for the message.
        dtype: Their type.
        shape: Shape of those of one step.

    Raises:
        ValueError: The message says what was found, and how to change it.
    """
    if len(shape) == 1 and dtype.kind in 'biuf':
        return
    remedy = ''
    if len(shape) == 3:
        remedy = ', or, if these are pictures (height, width, 3 channels), name it in `cameras`'
    raise ValueError(
        f'{key!r} is {dtype} of shape {shape} a step; numbers of observations are one vector a '
        f'step: write them so{remedy}'
    )


def joined_numbers(parts: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Join the numbers of N observations, (N, W) each, into vectors (N, O) float32.

    There may be no parts: then O is 0, and N is `count`.
    """
    empty = np.zeros((count, 0), np.float32)
    return np.concatenate([*parts] or [empty], axis=1).astype(np.float32)
