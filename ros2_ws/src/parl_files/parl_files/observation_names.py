# SPDX-License-Identifier: Apache-2.0
"""Names of the entries of an observation; an image is one name."""

from collections.abc import Sequence
import math
import re


def image_name(shape: tuple[int, int, int]) -> str:
    """Return the one name of all entries of an image of shape (channels, height, width)."""
    return 'image[{},{},{}]'.format(*shape)


def image_shape(names: Sequence[str]) -> tuple[int, int, int] | None:
    """Return (channels, height, width) of the image an observation begins with, or None."""
    found = re.fullmatch(r'image\[(\d+),(\d+),(\d+)\]', names[0]) if names else None
    if found is None:
        return None
    channels, height, width = (int(number) for number in found.groups())
    return channels, height, width


def observation_size(names: Sequence[str]) -> int:
    """Return the number of entries O of an observation with those names."""
    shape = image_shape(names)
    return len(names) if shape is None else len(names) - 1 + math.prod(shape)


def entry_name(names: Sequence[str], entry: int) -> str:
    """Return the name of an entry; for a pixel, the name of the image."""
    return names[max(0, entry - (observation_size(names) - len(names)))]
