# SPDX-License-Identifier: Apache-2.0
"""D4RL's data format: flat HDF5 arrays that hold all episodes, one after the other.

Layout: https://github.com/Farama-Foundation/D4RL/wiki (`observations`, `actions`, `rewards`,
`terminals`, `timeouts`). Here observations may also be images (N, height, width, channels).
"""

import io
import itertools
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from parl_files.durable_file import write_durably
from parl_learner.offline.data.hdf5_file import array, DatasetFileError, flat, opened, raw_episode
from parl_learner.offline.data.trajectory import RawEpisode

Split = Literal['flags', 'gaps']
CHAIN_TOLERANCE = 1e-6
"""Largest ‖obs[i + 1] - next_obs[i]‖ within an episode (the authors' release)."""


def read_d4rl(path: Path, split: Split) -> list[RawEpisode]:
    """Read D4RL's flat arrays and cut them into episodes.

    Args:
        path: HDF5 file. If it has no `next_observations`, these come from the next row, and the
            last row of an episode is only its last next observation.
        split: Where episodes end: at `terminals` and `timeouts`; with 'gaps' also where the next
            observation differs from the observation of the next row.

    Raises:
        DatasetFileError: The file or an array is missing, or the arrays do not fit together.
    """
    with opened(path) as file:
        arrays = {
            name: array(file, name, path)
            for name in ('observations', 'actions', 'rewards', 'terminals')
        }
        for name in ('next_observations', 'timeouts'):
            if name in file:
                arrays[name] = array(file, name, path)
    lengths = {name: len(column) for name, column in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise DatasetFileError(f'{path}: arrays have different lengths {lengths}')
    if not lengths['actions']:
        return []
    for name in ('rewards', 'terminals', 'timeouts'):
        if name in arrays and arrays[name].ndim != 1:
            raise DatasetFileError(
                f'{path}: {name} have shape {arrays[name].shape}; write one number per '
                f'transition, {arrays[name].shape[:1]}'
            )
    names: tuple[str, ...] = ()
    for name in ('observations', 'next_observations'):
        if name in arrays:
            arrays[name], names = flat([arrays[name]], f'{path}: {name}')
    arrays.setdefault('timeouts', np.zeros(len(arrays['actions'])))
    ends = (arrays['terminals'] > 0) | (arrays['timeouts'] > 0)
    if 'next_observations' in arrays and split == 'gaps':
        ends[:-1] |= gaps(arrays['next_observations'][:-1], arrays['observations'][1:])
    starts = np.concatenate([[0], np.flatnonzero(ends[:-1]) + 1, [len(ends)]])
    parts = [slice(a, b) for a, b in itertools.pairwise(starts)]
    if 'next_observations' not in arrays:
        arrays['next_observations'] = np.roll(arrays['observations'], -1, axis=0)
        # An episode's last row has no next observation: drop it, unless it is terminal.
        terminal = arrays['terminals'] > 0
        arrays['next_observations'][terminal] = arrays['observations'][terminal]
        parts = [
            part if terminal[part.stop - 1] else slice(part.start, part.stop - 1) for part in parts
        ]
    return [
        raw_episode(
            f'{path.name} episode {number}', {k: v[part] for k, v in arrays.items()}, names
        )
        for number, part in enumerate(part for part in parts if part.stop > part.start)
    ]


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
