# SPDX-License-Identifier: Apache-2.0
import h5py
import numpy as np
import pytest

from parl_learner.offline.data.hdf5_file import DatasetFileError
from parl_learner.offline.data.minari import read_minari
from parl_learner.offline.observations.keys import ObservationKeys, PLAIN


def numbers(*keys):
    return ObservationKeys(observation_keys=keys)


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
    first, second = read_minari(path, numbers('observation', 'achieved_goal'))
    assert (len(first), len(second)) == (3, 4)
    assert first.observations[0].tolist() == [2.0, 2.0, 1.0]
    assert first.next_observations.shape == (3, 3)
    assert first.timeouts.tolist() == [False, False, True]


def test_minari_with_plain_observations(path):
    with h5py.File(path, 'w') as file:
        minari_group(file, 'episode_0', 2)
        del file['episode_0/observations']
        file['episode_0/observations'] = np.arange(3.0)[:, None]
    (episode,) = read_minari(path, PLAIN)
    assert episode.next_observations.ravel().tolist() == [1.0, 2.0]


def test_pictures_and_instruction_come_with_numbers(path):
    pictures = np.arange(3 * 4 * 5 * 3, dtype=np.uint8).reshape(3, 4, 5, 3)
    with h5py.File(path, 'w') as file:
        for number in range(2):
            minari_group(file, f'episode_{number}', 2)
            file[f'episode_{number}/observations/image'] = pictures + number
            file[f'episode_{number}/observations/mission'] = [f'go to {number}'] * 3
    keys = {'cameras': {'front': 'image'}, 'instruction_key': 'mission'}
    found = read_minari(path, ObservationKeys(observation_keys=('achieved_goal',), **keys))
    for number, episode in enumerate(found):
        assert episode.observations.tolist() == [[1.0], [1.0]]
        assert episode.films['front'].size == (4, 5)
        np.testing.assert_array_equal(list(episode.films['front']), pictures + number)
        assert episode.instruction == f'go to {number}'
    only_seen, _ = read_minari(path, ObservationKeys(**keys))
    assert only_seen.observations.shape == (2, 0)
    with pytest.raises(DatasetFileError, match=r"'observations/image' is uint8 .*`cameras`"):
        read_minari(path, numbers('achieved_goal', 'image'))


def test_a_wrong_number_of_pictures_is_refused(path):
    with h5py.File(path, 'w') as file:
        minari_group(file, 'episode_0', 2)
        file['episode_0/observations/image'] = np.zeros((2, 4, 5, 3), np.uint8)
    with pytest.raises(DatasetFileError, match='2 observations/image for 2 actions'):
        read_minari(path, ObservationKeys(cameras={'front': 'image'}))


def test_foreign_files_are_refused(path):
    with pytest.raises(DatasetFileError, match='PARL_DATA'):
        read_minari(path, PLAIN)
    with h5py.File(path, 'w') as file:
        file['episode_x'] = 0
    with pytest.raises(DatasetFileError, match=r"but \['episode_x'\]: it is not Minari data"):
        read_minari(path, PLAIN)
    with h5py.File(path, 'w') as file:
        file['episode_0'] = [1, 2]
    with pytest.raises(DatasetFileError, match='episode_0 is an array'):
        read_minari(path, PLAIN)


def test_keys_of_unlike_length_or_none_are_refused(path):
    with h5py.File(path, 'w') as file:
        minari_group(file, 'episode_0', 2)
        del file['episode_0/observations/achieved_goal']
        file['episode_0/observations/achieved_goal'] = np.zeros((4, 1))
    with pytest.raises(DatasetFileError, match='4 observations/achieved_goal for 2 actions'):
        read_minari(path, numbers('achieved_goal', 'observation'))
    with pytest.raises(DatasetFileError, match=r'join in dataset\.observation_keys'):
        read_minari(path, PLAIN)
