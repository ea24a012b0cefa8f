# SPDX-License-Identifier: Apache-2.0
import h5py
import numpy as np
import pytest

from parl_learner.offline.data.hdf5_file import DatasetFileError
from parl_learner.offline.data.minari import read_minari


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'data.hdf5'


def minari_group(file, name, length, keys=('achieved_goal', 'observation')):
    group = file.create_group(name)
    for width, key in enumerate(keys, start=1):
        group[f'observations/{key}'] = np.full((length + 1, width), float(width))
    group['actions'] = np.zeros((length, 2))
    group['rewards'] = np.zeros(length)
    group['terminations'] = np.zeros(length, bool)
    group['truncations'] = np.arange(length) == length - 1


def test_minari_joins_dictionaries_in_the_order_given_and_sorts_by_number(path):
    with h5py.File(path, 'w') as file:
        for number, length in ((10, 4), (2, 3)):
            minari_group(file, f'episode_{number}', length)
    first, second = read_minari(path, ('observation', 'achieved_goal'))
    assert (len(first), len(second)) == (3, 4)
    assert first.observations[0].tolist() == [2.0, 2.0, 1.0]
    assert first.next_observations.shape == (3, 3)
    assert first.timeouts.tolist() == [False, False, True]


def test_minari_with_plain_observations(path):
    with h5py.File(path, 'w') as file:
        minari_group(file, 'episode_0', 2)
        del file['episode_0/observations']
        file['episode_0/observations'] = np.arange(3.0)[:, None]
    (episode,) = read_minari(path, ())
    assert episode.next_observations.ravel().tolist() == [1.0, 2.0]


def test_an_image_comes_first(path):
    with h5py.File(path, 'w') as file:
        minari_group(file, 'episode_0', 2)
        file['episode_0/observations/image'] = np.full((3, 4, 5, 3), 7, np.uint8)
    (episode,) = read_minari(path, ('image', 'achieved_goal'))
    assert episode.observation_names == ('image[3,4,5]', 'observation_0')
    assert episode.observations[0, [0, 59, 60]].tolist() == [7.0, 7.0, 1.0]
    with pytest.raises(DatasetFileError, match='part 1 of the observations is uint8 of shape'):
        read_minari(path, ('achieved_goal', 'image'))


def test_foreign_files_are_refused(path):
    with pytest.raises(DatasetFileError, match='PARL_DATA'):
        read_minari(path, ())
    with h5py.File(path, 'w') as file:
        file['episode_x'] = 0
    with pytest.raises(DatasetFileError, match=r"but \['episode_x'\]: it is not Minari data"):
        read_minari(path, ())
    with h5py.File(path, 'w') as file:
        file['episode_0'] = [1, 2]
    with pytest.raises(DatasetFileError, match='episode_0 is an array'):
        read_minari(path, ())


def test_keys_of_unlike_length_or_none_are_refused(path):
    with h5py.File(path, 'w') as file:
        minari_group(file, 'episode_0', 2)
        del file['episode_0/observations/achieved_goal']
        file['episode_0/observations/achieved_goal'] = np.zeros((4, 1))
    with pytest.raises(DatasetFileError, match='4 observations/achieved_goal for 2 actions'):
        read_minari(path, ('achieved_goal', 'observation'))
    with pytest.raises(DatasetFileError, match=r'join in dataset\.observation_keys'):
        read_minari(path, ())
