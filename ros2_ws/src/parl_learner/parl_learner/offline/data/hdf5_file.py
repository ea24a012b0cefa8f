# SPDX-License-Identifier: Apache-2.0
"""Reading of arrays from an HDF5 file; errors name the array that is not as expected."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from parl_files.error import ParlError
from parl_learner.offline.data.flat_observation import flat_observations
from parl_learner.offline.data.trajectory import RawEpisode


class DatasetFileError(ParlError):
    """A data file is missing or has another layout; the message says what was expected."""


def opened(path: Path) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises:
        DatasetFileError: The file is missing, damaged or not HDF5.
    """
    try:
        return h5py.File(path, 'r')
    except OSError as error:
        raise DatasetFileError(
            f'cannot read {path}: {error}; check the data folder (of parl-train: --data or '
            'PARL_DATA)'
        ) from error


def array(group: h5py.Group, name: str, path: Path) -> np.ndarray:
    """Read an array of numbers (N, ...), one row per transition; `path` is for messages.

    Raises:
        DatasetFileError: It is missing, a group, or does not hold numbers.
    """
    found = group.get(name)
    if isinstance(found, h5py.Group):
        raise DatasetFileError(
            f'{path}: {name!r} of {group.name} is a group of {sorted(found)}; name the arrays to '
            'join in dataset.observation_keys'
        )
    if found is None:
        raise DatasetFileError(
            f'{path}: array {name!r} is missing from {group.name}, which has {sorted(group)}'
        )
    if found.dtype.kind not in 'biuf' or not found.shape:
        raise DatasetFileError(
            f'{path}: {name!r} of {group.name} is {found.dtype} of shape {found.shape}; expected '
            'numbers, one row per transition'
        )
    return np.asarray(found)


def flat(parts: Sequence[np.ndarray], where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Join a file's arrays with `flat_observations`; `where` is for messages.

    Raises:
        DatasetFileError: A part is neither numbers nor images.
    """
    try:
        return flat_observations(parts)
    except ValueError as error:
        raise DatasetFileError(f'{where}: {error}') from error


def raw_episode(
    name: str, arrays: Mapping[str, np.ndarray], observation_names: tuple[str, ...]
) -> RawEpisode:
    """Make an episode from a file's arrays, which `arrays` has by the name of their field.

    Raises:
        DatasetFileError: The arrays do not fit together.
    """
    try:
        return RawEpisode(
            name=name,
            observation_names=observation_names,
            **{
                key: column.astype(np.bool_ if key in ('terminals', 'timeouts') else np.float32)
                for key, column in arrays.items()
            },
        )
    except ValueError as error:
        raise DatasetFileError(str(error)) from error
