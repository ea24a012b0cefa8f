# SPDX-License-Identifier: Apache-2.0
"""Reading of arrays from an HDF5 file; errors name the array that is not as expected."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from parl_files.error import ParlError
from parl_learner.offline.data.trajectory import RawEpisode
from parl_learner.offline.observations.keys import ObservationKeys, WHOLE
from parl_learner.offline.observations.numbers import check_numbers
from parl_learner.replay.recorded_episode import RecordedFilm


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
    return rows(found, slice(None), path)


def rows(found: h5py.Dataset, chosen: slice, path: Path) -> np.ndarray:
    """Read rows of an array; `path` is for messages.

    Raises:
        DatasetFileError: A block of the file is damaged.
    """
    try:
        return np.asarray(found[chosen])
    except OSError as error:
        raise DatasetFileError(
            f'{path}: {found.name} cannot be read: {error}; fetch the file again'
        ) from error


def entry(group: h5py.Group, key: str) -> str:
    """Return the name of the array with this key: an entry of the observations, or beside them."""
    observations = group.get(WHOLE)
    is_inside = isinstance(observations, h5py.Group) and key in observations
    return f'{WHOLE}/{key}' if is_inside else key


def number_entries(group: h5py.Group, keys: ObservationKeys) -> list[str]:
    """Return the names of the arrays with the numbers of observations."""
    is_dictionary = isinstance(group.get(WHOLE), h5py.Group)
    return [entry(group, key) for key in keys.number_keys(is_dictionary)]


def number_array(group: h5py.Group, name: str, path: Path) -> np.ndarray:
    """Read an array of vectors (N, W) of observations; `path` is for messages.

    Raises:
        DatasetFileError: It is missing or does not hold vectors of numbers.
    """
    found = group.get(name)
    if isinstance(found, h5py.Dataset) and found.size:
        try:  # before it is read: pictures may be larger than the memory
            check_numbers(name, found.dtype, found.shape[1:])
        except ValueError as error:
            raise DatasetFileError(f'{path}: {error}') from error
    return array(group, name, path)


def texts(group: h5py.Group, name: str, path: Path) -> list[str]:
    """Read an array of texts, or a single one; `path` is for messages.

    Raises:
        DatasetFileError: It is missing or does not hold texts.
    """
    found = group.get(name)
    if not isinstance(found, h5py.Dataset) or h5py.check_string_dtype(found.dtype) is None:
        kind = getattr(found, 'dtype', 'missing')
        raise DatasetFileError(
            f'{path}: {name!r} of {group.name} is {kind}; dataset.instruction_key must name texts'
        )
    return [str(text) for text in np.atleast_1d(found.asstr(errors='replace')[()])]


def raw_episode(
    name: str,
    arrays: Mapping[str, np.ndarray],
    films: Mapping[str, RecordedFilm],
    instruction: str,
) -> RawEpisode:
    """Make an episode from a file's arrays, which `arrays` has by the name of their field.

    Raises:
        DatasetFileError: The arrays do not fit together.
    """
    columns: dict[str, Any] = {
        key: column.astype(np.bool_ if key in ('terminals', 'timeouts') else np.float32)
        for key, column in arrays.items()
    }
    try:
        return RawEpisode(name=name, films=films, instruction=instruction, **columns)
    except ValueError as error:
        raise DatasetFileError(str(error)) from error
