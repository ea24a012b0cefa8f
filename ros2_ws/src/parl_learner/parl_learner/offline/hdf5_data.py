# SPDX-License-Identifier: Apache-2.0
"""Reads offline data in HDF5: D4RL's flat arrays and Minari's group per episode.

Layouts: https://github.com/Farama-Foundation/D4RL/wiki (flat `observations`, `actions`, `rewards`,
`terminals`, `timeouts`) and Minari 0.5's `main_data.hdf5` (`episode_<n>` groups that hold one
observation more than actions, possibly a dictionary).
"""

from collections.abc import Sequence
import itertools
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from parl_learner.offline.trajectory import RawEpisode

Split = Literal['flags', 'gaps']
CHAIN_TOLERANCE = 1e-6
"""Largest ‖obs[i + 1] - next_obs[i]‖ within an episode (the authors' release)."""


class DatasetFileError(Exception):
    """A data file is missing or has another layout; the message says what was expected."""


def read_d4rl(path: Path, split: Split) -> list[RawEpisode]:
    """Read D4RL's flat arrays and cut them into episodes.

    Args:
        path: HDF5 file; `next_observations` may be missing, then the next row stands for it and
            the last row of each episode only closes it.
        split: Where episodes end: at `terminals` and `timeouts`, or also where observations do
            not chain.

    Raises:
        DatasetFileError: Missing file, missing array, or arrays of different length.
    """
    with _opened(path) as file:
        arrays = {
            name: _array(file, name, path)
            for name in ('observations', 'actions', 'rewards', 'terminals')
        }
        for name in ('next_observations', 'timeouts'):
            if name in file:
                arrays[name] = _array(file, name, path)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise DatasetFileError(f'{path}: arrays have different lengths {lengths}')
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
        _episode(f'{path.name} episode {number}', {k: v[part] for k, v in arrays.items()})
        for number, part in enumerate(part for part in parts if part.stop > part.start)
    ]


def read_minari(path: Path, observation_keys: Sequence[str]) -> list[RawEpisode]:
    """Read Minari's groups.

    Args:
        path: `main_data.hdf5` of a dataset.
        observation_keys: Entries of dictionary observations, in the order they are joined; empty
            for plain observations.

    Raises:
        DatasetFileError: Missing file, no episodes, or a missing array.
    """
    with _opened(path) as file:
        names = sorted(
            (name for name in file if name.startswith('episode_')),
            key=lambda name: int(name.removeprefix('episode_')),
        )
        if not names:
            raise DatasetFileError(f'{path} holds no episode_<n> group: it is not Minari data')
        episodes = []
        for name in names:
            group = file[name]
            if observation_keys:
                parts = [_array(group, f'observations/{key}', path) for key in observation_keys]
                observations = np.concatenate(parts, axis=1)
            else:
                observations = _array(group, 'observations', path)
            actions = _array(group, 'actions', path)
            if len(observations) != len(actions) + 1:
                raise DatasetFileError(
                    f'{path}, {name}: {len(observations)} observations for {len(actions)} '
                    'actions; Minari keeps one observation more than actions'
                )
            episodes.append(
                _episode(
                    f'{path.name} {name}',
                    {
                        'observations': observations[:-1],
                        'next_observations': observations[1:],
                        'actions': actions,
                        'rewards': _array(group, 'rewards', path),
                        'terminals': _array(group, 'terminations', path),
                        'timeouts': _array(group, 'truncations', path),
                    },
                )
            )
    return episodes


def gaps(next_observations: np.ndarray, following: np.ndarray) -> np.ndarray:
    """(N,) bool: where the next observation is not what the following step began with."""
    distances: np.ndarray = np.linalg.norm(next_observations - following, axis=-1)
    return distances > CHAIN_TOLERANCE


def _episode(name: str, arrays: dict[str, np.ndarray]) -> RawEpisode:
    try:
        return RawEpisode(
            name=name,
            **{
                key: array.astype(np.bool_ if key in ('terminals', 'timeouts') else np.float32)
                for key, array in arrays.items()
            },
        )
    except ValueError as error:
        raise DatasetFileError(str(error)) from error


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, 'r')
    except OSError as error:
        raise DatasetFileError(
            f'cannot read {path}: {error}; say where the data is with --data or PARL_DATA'
        ) from error


def _array(group: h5py.Group, name: str, path: Path) -> np.ndarray:
    if not isinstance(group.get(name), h5py.Dataset):
        raise DatasetFileError(
            f'{path}: array {name!r} is missing from {group.name}, which has {sorted(group)}'
        )
    return np.asarray(group[name])
