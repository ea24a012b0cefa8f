# SPDX-License-Identifier: Apache-2.0
"""The pictures of an episode in an HDF5 file, which stay there until they are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from parl_learner.offline.data.hdf5_file import DatasetFileError, opened, rows
from parl_learner.offline.observations.picture_layout import picture_size
from parl_policy.observations import Size

Part = tuple[str, int, int]
"""Name of an array, its first row and the row after its last."""


@dataclass(frozen=True, eq=False)
class Hdf5Film:
    """Pictures that follow each other in one or more arrays; iterating opens the file."""

    ROWS_AT_ONCE = 32
    """Pictures in memory; more than one, because a file may be compressed in blocks of rows."""

    path: Path
    parts: tuple[Part, ...]
    size: Size
    """(height, width) [px]."""

    def __len__(self) -> int:
        """Return the number of pictures."""
        return sum(stop - start for _, start, stop in self.parts)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Read the pictures (height, width, 3) uint8.

        Raises:
            DatasetFileError: The file is gone or damaged.
        """
        with opened(self.path) as file:
            for name, start, stop in self.parts:
                for first in range(start, stop, self.ROWS_AT_ONCE):
                    last = min(stop, first + self.ROWS_AT_ONCE)
                    yield from rows(file[name], slice(first, last), self.path)


def picture_array(file: h5py.Group, name: str, path: Path) -> tuple[int, Size]:
    """Check an array of pictures of a file; return their number, and their size.

    Raises:
        DatasetFileError: It is missing or holds no pictures.
    """
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise DatasetFileError(
            f'{path}: {name!r} in `cameras` is no array of {file.name}, which has {entries(file)}'
        )
    try:
        size = picture_size(name, found.dtype, found.shape[1:])
    except ValueError as error:
        raise DatasetFileError(f'{path}: {error}') from error
    return len(found), size


def hdf5_film(file: h5py.Group, parts: tuple[Part, ...], path: Path) -> Hdf5Film:
    """Make a film of arrays.

    Args:
        file: The file or a group of it, opened; names of the parts are relative to it.
        parts: The arrays, and their rows.
        path: Path of the file.

    Raises:
        DatasetFileError: An array is missing or holds no pictures, or the sizes differ.
    """
    sizes = {name: picture_array(file, name, path)[1] for name, _, _ in parts}
    if len(set(sizes.values())) != 1:
        raise DatasetFileError(f'{path}: pictures differ in size: {sizes}')
    absolute = tuple((str(file[name].name), start, stop) for name, start, stop in parts)
    return Hdf5Film(path, absolute, next(iter(sizes.values())))


def entries(group: h5py.Group) -> list[str]:
    """Return the names of all arrays in a group, those of groups in it too."""
    found: list[str] = []
    group.visititems(lambda name, item: found.append(name) if hasattr(item, 'dtype') else None)
    return found
