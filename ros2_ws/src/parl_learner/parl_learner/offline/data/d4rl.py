# SPDX-License-Identifier: Apache-2.0
"""D4RL's data format: flat HDF5 arrays that hold all episodes, one after the other.

Layout: https://github.com/Farama-Foundation/D4RL/wiki (`observations`, `actions`, `rewards`,
`terminals`, `timeouts`). Here observations may also be a group of arrays, and pictures and texts
may lie in it or beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import io
import itertools
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from parl_files.durable_file import write_durably
from parl_learner.offline.data.hdf5_file import (
    array,
    DatasetFileError,
    entry,
    number_array,
    number_entries,
    opened,
    raw_episode,
    texts,
)
from parl_learner.offline.data.hdf5_film import hdf5_film, Part, picture_array
from parl_learner.offline.data.trajectory import RawEpisode
from parl_learner.offline.observations.keys import ObservationKeys, PLAIN
from parl_learner.offline.observations.numbers import joined_numbers

Split = Literal['flags', 'gaps']
CHAIN_TOLERANCE = 1e-6
"""Largest ‖obs[i + 1] - next_obs[i]‖ within an episode (the authors' release)."""


def read_d4rl(path: Path, split: Split, keys: ObservationKeys = PLAIN) -> list[RawEpisode]:
    """Read D4RL's flat arrays and cut them into episodes.

    Args:
        path: HDF5 file. If it has no `next_observations`, these come from the next row, and the
            last row of an episode is only its last next observation.
        split: Where episodes end: at `terminals` and `timeouts`; with 'gaps' also where the next
            observation differs from the observation of the next row.
        keys: Entries of the observations that are numbers, pictures and the instruction.

    Raises:
        DatasetFileError: The file or an array is missing, or the arrays do not fit together.
    """
    with opened(path) as file:
        flat = _read(file, path, keys)
        arrays = flat.arrays
        if not len(arrays['actions']):
            return []
        if split == 'gaps' and not arrays['observations'].shape[1]:
            raise DatasetFileError(
                f'{path}: dataset.split is gaps, which compares the numbers of observations, but '
                'there are none; set it to flags'
            )
        ends = (arrays['terminals'] > 0) | (arrays['timeouts'] > 0)
        if flat.has_next and split == 'gaps':
            ends[:-1] |= gaps(arrays['next_observations'][:-1], arrays['observations'][1:])
        starts = np.concatenate([[0], np.flatnonzero(ends[:-1]) + 1, [len(ends)]])
        parts = [slice(int(a), int(b)) for a, b in itertools.pairwise(starts)]
        if not flat.has_next:
            arrays['next_observations'] = np.roll(arrays['observations'], -1, axis=0)
            # An episode's last row has no next observation: drop it, unless it is terminal.
            terminal = arrays['terminals'] > 0
            arrays['next_observations'][terminal] = arrays['observations'][terminal]
            parts = [
                part if terminal[part.stop - 1] else slice(part.start, part.stop - 1)
                for part in parts
            ]
        parts = [part for part in parts if part.stop > part.start]
        return [
            raw_episode(
                f'{path.name} episode {number}',
                {k: v[part] for k, v in arrays.items()},
                {
                    camera: hdf5_film(file, flat.film_parts(name, part), path)
                    for camera, name in flat.pictures.items()
                },
                flat.instructions[part.start] if flat.instructions else '',
            )
            for number, part in enumerate(parts)
        ]


@dataclass(frozen=True, eq=False)
class _Flat:
    """What a file holds."""

    arrays: dict[str, np.ndarray]
    """By field of `RawEpisode`, M rows each, observations joined."""
    pictures: Mapping[str, str]
    """Name of the array of each camera."""
    instructions: Sequence[str]
    """M texts, or none."""
    has_next: bool
    """Whether the next observations are in the file."""

    def film_parts(self, name: str, part: slice) -> tuple[Part, ...]:
        """Return where the N + 1 pictures of N rows are."""
        first = (name, part.start, part.stop)
        if self.has_next:
            return (first, (f'next_{name}', part.stop - 1, part.stop))
        if self.arrays['terminals'][part.stop - 1] > 0:  # as with numbers, it stands for the next
            return (first, (name, part.stop - 1, part.stop))
        return ((name, part.start, part.stop + 1),)


def _read(file: h5py.File, path: Path, keys: ObservationKeys) -> _Flat:
    names = number_entries(file, keys)
    pictures = {camera: entry(file, key) for camera, key in keys.cameras.items()}
    following = {f'next_{name}': f'next_{name}' in file for name in (*names, *pictures.values())}
    if len(set(following.values())) > 1:
        missing = [name for name, is_there in following.items() if not is_there]
        raise DatasetFileError(
            f'{path}: {missing} are missing, but other next observations are there; write all of '
            'them or none'
        )
    has_next = all(following.values())
    columns = {name: array(file, name, path) for name in ('actions', 'rewards', 'terminals')}
    if 'timeouts' in file:
        columns['timeouts'] = array(file, 'timeouts', path)
    parts = {
        name: number_array(file, name, path)
        for name in (*names, *(f'next_{name}' for name in names if has_next))
    }
    lengths = {name: len(column) for name, column in (columns | parts).items()}
    for name in pictures.values():
        lengths[name] = picture_array(file, name, path)[0]
        if has_next:
            lengths[f'next_{name}'] = picture_array(file, f'next_{name}', path)[0]
    told: list[str] = []
    if keys.instruction_key:
        told = texts(file, entry(file, keys.instruction_key), path)
        told = told * lengths['actions'] if len(told) == 1 else told
        lengths[keys.instruction_key] = len(told)
    if len(set(lengths.values())) != 1:
        raise DatasetFileError(f'{path}: arrays have different lengths {lengths}')
    for name, column in columns.items():
        if name != 'actions' and column.ndim != 1:
            raise DatasetFileError(
                f'{path}: {name} have shape {column.shape}; write one number per transition, '
                f'{column.shape[:1]}'
            )
    count = lengths['actions']
    if count:
        for prefix in ('', 'next_')[: 1 + has_next]:
            of_field = [parts[f'{prefix}{name}'] for name in names]
            columns[f'{prefix}observations'] = joined_numbers(of_field, count)
    columns.setdefault('timeouts', np.zeros(count))
    return _Flat(columns, pictures, told, has_next)


def write_d4rl(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write flat arrays in the layout that `read_d4rl` reads.

    Raises:
        DurableWriteError: For example, the disk is full; an earlier file is unchanged.
    """
    content = io.BytesIO()
    with h5py.File(content, 'w') as file:
        for name, column in arrays.items():
            file[name] = column
    write_durably(path, content.getvalue())


def gaps(next_observations: np.ndarray, following: np.ndarray) -> np.ndarray:
    """Find the steps (N,) bool whose next observation is not that of the following step.

    Args:
        next_observations: (N, O) of N steps.
        following: (N, O) observations with which their following steps began.
    """
    distances: np.ndarray = np.linalg.norm(next_observations - following, axis=-1)
    return distances > CHAIN_TOLERANCE
