# SPDX-License-Identifier: Apache-2.0
"""Minari's data format: one HDF5 group per episode, read only with h5py.

Layout: `main_data.hdf5` of Minari 0.5, whose `episode_<n>` groups hold one observation more than
actions. Observations may be a dictionary.
"""

from collections.abc import Sequence
from pathlib import Path
import re

import h5py

from parl_learner.offline.data.hdf5_file import array, DatasetFileError, flat, opened, raw_episode
from parl_learner.offline.data.trajectory import RawEpisode


def read_minari(path: Path, observation_keys: Sequence[str]) -> list[RawEpisode]:
    """Read the episodes of a Minari file.

    Args:
        path: `main_data.hdf5` of a dataset.
        observation_keys: Entries of dictionary observations, in the order of the vector; empty
            for plain observations.

    Raises:
        DatasetFileError: The file, its episodes or an array are missing, or the arrays do not
            fit together.
    """
    with opened(path) as file:
        groups = [name for name in file if re.fullmatch(r'episode_\d+', name)]
        if not groups:
            raise DatasetFileError(
                f'{path} holds no group episode_<number>, but {sorted(file)}: it is not Minari '
                'data, or has no episodes yet'
            )
        groups.sort(key=lambda name: int(name.removeprefix('episode_')))
        return [_minari_episode(file[name], name, path, observation_keys) for name in groups]


def _minari_episode(
    group: h5py.Group, name: str, path: Path, observation_keys: Sequence[str]
) -> RawEpisode:
    if not isinstance(group, h5py.Group):
        raise DatasetFileError(f'{path}: {name} is an array; Minari has one group per episode')
    keys = [f'observations/{key}' for key in observation_keys] or ['observations']
    parts = [array(group, key, path) for key in keys]
    actions = array(group, 'actions', path)
    for key, part in zip(keys, parts, strict=True):
        if len(part) != len(actions) + 1:
            raise DatasetFileError(
                f'{path}, {name}: {len(part)} {key} for {len(actions)} actions; Minari has one '
                'observation more than actions'
            )
    observations, names = flat(parts, f'{path}, {name}')
    return raw_episode(
        f'{path.name} {name}',
        {
            'observations': observations[:-1],
            'next_observations': observations[1:],
            'actions': actions,
            'rewards': array(group, 'rewards', path),
            'terminals': array(group, 'terminations', path),
            'timeouts': array(group, 'truncations', path),
        },
        names,
    )
