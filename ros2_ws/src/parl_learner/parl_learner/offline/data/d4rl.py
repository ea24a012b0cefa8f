# SPDX-License-Identifier: Apache-2.0
"""D4RL's data: flat HDF5 arrays of all episodes end to end.

Layout: https://github.com/Farama-Foundation/D4RL/wiki (`observations`, `actions`, `rewards`,
`terminals`, `timeouts`). Observations may be images here (N, height, width, channels).
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
        path: HDF5 file; `next_observations` may be missing, then the next row stands for it and
            the last row of each episode only closes it.
        split: Where episodes end: at `terminals` and `timeouts`, or also where observations do
            not chain.

    Raises:
        DatasetFileError: Missing file, missing array, or arrays that do not fit together.
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
                f'{path}: {name} have shape {arrays[name].shape}; write one number a transition, '
                f'{arrays[name].shape[:1]}'
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
        # The last row has none after it: it only closes, unless nothing follows a terminal anyway.
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
    """Write flat arrays as `read_d4rl` takes them.

    Raises:
        DurableWriteError: The disk is full, say; a file that was there before still is.
    """
    content = io.BytesIO()
    with h5py.File(content, 'w') as file:
        for name, column in arrays.items():
            file[name] = column
    write_durably(path, content.getvalue())


def gaps(next_observations: np.ndarray, following: np.ndarray) -> np.ndarray:
    """(N,) bool: where the next observation is not what the following step began with."""
    distances: np.ndarray = np.linalg.norm(next_observations - following, axis=-1)
    return distances > CHAIN_TOLERANCE
