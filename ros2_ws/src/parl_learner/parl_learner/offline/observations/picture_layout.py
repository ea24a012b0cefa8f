# SPDX-License-Identifier: Apache-2.0
"""The layout that pictures must have: (height, width, 3) uint8, RGB."""

import numpy as np

from parl_policy.observations import Size


def picture_size(key: str, dtype: np.dtype, shape: tuple[int, ...]) -> Size:
    """Return (height, width) [px] of pictures.

    Args:
        key: Their key, for the message.
        dtype: Type of their numbers.
        shape: Shape of one of them.

    Raises:
        ValueError: They have another layout; the message says which, and how to change it.
    """
    if dtype == np.uint8 and len(shape) == 3 and shape[2] == 3 and min(shape) > 0:
        return shape[0], shape[1]
    raise ValueError(
        f'{key!r} in `cameras` is {dtype} of shape {shape} a step; pictures are uint8 (height, '
        f'width, 3), RGB: {_remedy(dtype, shape)}'
    )


def _remedy(dtype: np.dtype, shape: tuple[int, ...]) -> str:
    if len(shape) != 3:
        return 'if these are numbers, name the key in observation_keys'
    if shape[2] != 3 and shape[0] == 3:
        channels_last = 'numpy.moveaxis(pictures, -3, -1)'
        return f'its channels come first, write them last, for example with {channels_last}'
    if shape[2] != 3:
        return f'it has {shape[2]} channels, write red, green and blue'
    if dtype.kind == 'f':
        return 'write whole numbers, for example (255 * pictures).round() if they are 0…1'
    return 'write numbers of 0 to 255 as uint8'
