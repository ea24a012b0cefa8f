# SPDX-License-Identifier: Apache-2.0
"""Data as a configuration names it, from files that are there but hold nothing of use."""

import h5py
import pytest

from parl_files.episode_file import episode_to_bytes
from parl_learner.offline.data.dataset import DatasetConfig, to_trajectories
from parl_learner.offline.data.hdf5_file import DatasetFileError
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.trajectory import digest


@pytest.mark.parametrize('kind', ['kitchen_tfrecord', 'bridge_tfrecord', 'd4rl', 'station'])
def test_data_without_episodes_is_refused(tmp_path, kind):
    path = tmp_path / 'data'
    if kind == 'station':
        path.mkdir()
    elif kind == 'd4rl':
        with h5py.File(path, 'w') as file:
            for name in ('observations', 'actions', 'rewards', 'terminals'):
                file[name] = []
    else:
        path.write_bytes(b'')
    with pytest.raises(
        DatasetFileError, match=f'data holds no demonstrations of the format {kind}'
    ):
        DatasetConfig(file='data', format=kind).read(tmp_path)


def test_the_stations_episodes_keep_their_layout(tmp_path, new_episode):
    for number, names in enumerate([('a', 'b'), ('a', 'c')]):
        episode = new_episode(f'e{number}', names=names, seed=number)
        (tmp_path / f'{number}.mcap').write_bytes(episode_to_bytes(episode))
    practice = new_episode('practice', 'practice')
    (tmp_path / 'practice.mcap').write_bytes(episode_to_bytes(practice))
    found = DatasetConfig(file='.', format='station').read(tmp_path)
    assert [e.observation_names for e in found] == [('a', 'b'), ('a', 'c')]
    trajectories = to_trajectories(found, RewardConvention(success_reward=0.0, bias=0.0))
    assert [t.observation_names for t in trajectories] == [('a', 'b'), ('a', 'c')]


def test_a_digest_tells_data_apart(tmp_path, new_episode):
    (tmp_path / '0.mcap').write_bytes(episode_to_bytes(new_episode('e0')))
    read = DatasetConfig(file='.', format='station').read
    first, again = (to_trajectories(read(tmp_path), RewardConvention()) for _ in range(2))
    assert digest(first) == digest(again)
    again[0].actions[0, 0] += 1e-3
    assert digest(first) != digest(again)
    assert digest(first) != digest([*first, *first])
