# SPDX-License-Identifier: Apache-2.0
"""Minari's data format: one HDF5 group per episode, read only with h5py.

Layout: `main_data.hdf5` of Minari 0.5, whose `episode_<n>` groups hold one observation more than
actions. Observations may be a dictionary.
"""

from pathlib import Path
import re

import h5py

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
from parl_learner.offline.data.hdf5_film import hdf5_film, picture_array
from parl_learner.offline.data.trajectory import RawEpisode
from parl_learner.offline.observations.keys import ObservationKeys
from parl_learner.offline.observations.numbers import joined_numbers


def read_minari(path: Path, keys: ObservationKeys) -> list[RawEpisode]:
    """Read the episodes of a Minari file.

    Args:
        path: `main_data.hdf5` of a dataset.
        keys: Entries of the observations that are numbers, pictures and the instruction.

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
        return [_minari_episode(file[name], name, path, keys) for name in groups]


def _minari_episode(group: h5py.Group, name: str, path: Path, keys: ObservationKeys) -> RawEpisode:
    if not isinstance(group, h5py.Group):
        raise DatasetFileError(f'{path}: {name} is an array; Minari has one group per episode')
    parts = {key: number_array(group, key, path) for key in number_entries(group, keys)}
    actions = array(group, 'actions', path)
    films = {}
    for camera, key in keys.cameras.items():
        of_camera = entry(group, key)
        count, _ = picture_array(group, of_camera, path)
        films[camera] = hdf5_film(group, ((of_camera, 0, count),), path)
    lengths = {key: len(part) for key, part in parts.items()}
    lengths |= {entry(group, keys.cameras[camera]): len(film) for camera, film in films.items()}
    for key, length in lengths.items():
        if length != len(actions) + 1:
            raise DatasetFileError(
                f'{path}, {name}: {length} {key} for {len(actions)} actions; Minari has one '
                'observation more than actions'
            )
    observations = joined_numbers([*parts.values()], len(actions) + 1)
    told = texts(group, entry(group, keys.instruction_key), path) if keys.instruction_key else []
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
        films,
        told[0] if told else '',
    )
