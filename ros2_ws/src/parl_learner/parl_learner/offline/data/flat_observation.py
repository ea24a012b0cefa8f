# SPDX-License-Identifier: Apache-2.0
"""Observations of several parts as one vector in the station's layout: pixels come first."""

from collections.abc import Sequence

import numpy as np

from parl_files.observation_names import image_name


def flat_observations(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Join the parts of N observations into vectors.

    Args:
        parts: Numbers (N, W) each. The first part may be images (N, H, W, C) of uint8; their
            pixels become a vector channel by channel.

    Returns:
        (N, O) float32, and the names of the entries; without an image there are no names.

    Raises:
        ValueError: A part is neither numbers nor images; the message names it.
    """
    names: tuple[str, ...] = ()
    if parts[0].ndim == 4:
        images = parts[0]
        if images.dtype != np.uint8:
            raise ValueError(f'images are {images.dtype}; expected uint8, pixels of 0 to 255')
        _, height, width, channels = images.shape
        names = (image_name((channels, height, width)),)
        parts = [np.moveaxis(images, -1, 1).reshape(len(images), -1), *parts[1:]]
    for number, part in enumerate(parts):
        if part.ndim != 2 or part.dtype.kind not in 'biuf':
            raise ValueError(
                f'part {number} of the observations is {part.dtype} of shape {part.shape[1:]}; '
                'expected vectors of numbers, the first part may be images (height, width, '
                'channels)'
            )
    if names:
        names += tuple(f'observation_{i}' for i in range(sum(p.shape[1] for p in parts[1:])))
    return np.concatenate(parts, axis=1).astype(np.float32), names
