# SPDX-License-Identifier: Apache-2.0
"""Data as a configuration names it, from files that are there but hold nothing of use."""

import dataclasses

import h5py
import numpy as np
import pytest

from parl_files.episode import Purpose
from parl_files.episode_file import episode_to_bytes
from parl_learner.offline.data.dataset import DatasetConfig, to_trajectories
from parl_learner.offline.data.hdf5_file import DatasetFileError
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.trajectory import digest, RawEpisode, Trajectory
from parl_learner.offline.observations.films import ArrayFilm


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


def test_the_stations_pictures_and_instructions_come_along(tmp_path, new_episode):
    episode = new_episode('e0', cameras={'camera': (24, 32), 'wrist': (24, 32)})
    (tmp_path / '0.mcap').write_bytes(episode_to_bytes(episode))
    station = DatasetConfig(file='.', format='station')
    (found,) = station.read(tmp_path)
    assert found.instruction == episode.instruction == 'put it there'
    assert sorted(found.films) == ['camera', 'wrist']
    np.testing.assert_array_equal(list(found.films['wrist']), list(episode.films['wrist']))
    (found,) = dataclasses.replace(station, cameras={'front': 'camera'}).read(tmp_path)
    assert list(found.films) == ['front']
    with pytest.raises(
        DatasetFileError, match=r"no pictures of \['side'\].* \['camera', 'wrist'\]"
    ):
        dataclasses.replace(station, cameras={'front': 'side'}).read(tmp_path)


def test_an_instruction_is_given_to_those_that_have_none(tmp_path, new_episode):
    untold = dataclasses.replace(new_episode('e0'), instruction='')
    (tmp_path / '0.mcap').write_bytes(episode_to_bytes(untold))
    (tmp_path / '1.mcap').write_bytes(episode_to_bytes(new_episode('e1', seed=1)))
    found = DatasetConfig(file='.', format='station', instruction='lift it').read(tmp_path)
    assert [episode.instruction for episode in found] == ['lift it', 'put it there']


@pytest.mark.parametrize(
    ('kind', 'changes'),
    [
        ('station', {'observation_keys': ('a',)}),
        ('bridge_tfrecord', {'observation_keys': ('state',)}),
        ('kitchen_tfrecord', {'cameras': {'front': 'image'}}),
        ('station', {'instruction_key': 'task'}),
    ],
)
def test_what_a_format_does_not_have_cannot_be_named(kind, changes):
    (setting,) = changes
    with pytest.raises(ValueError, match=f'{setting} is .* the format {kind} has none'):
        DatasetConfig(file='data', format=kind, **changes)


def test_a_digest_covers_pictures_and_instructions(tmp_path, new_episode):
    episode = new_episode('e0', cameras={'camera': (24, 32)})
    (tmp_path / '0.mcap').write_bytes(episode_to_bytes(episode))
    config = DatasetConfig(file='.', format='station')
    (first,) = to_trajectories(config.read(tmp_path), RewardConvention())
    pictures = np.stack(list(first.films['camera']))
    pictures[-1, 0, 0, 0] ^= 1
    others = [
        dataclasses.replace(first, instruction='lift it'),
        dataclasses.replace(first, films={'camera': ArrayFilm(pictures)}),
        dataclasses.replace(first, films={'wrist': first.films['camera']}),
        dataclasses.replace(first, films={}),
    ]
    assert digest([first]) == digest(to_trajectories(config.read(tmp_path), RewardConvention()))
    assert len({digest([each]) for each in (first, *others)}) == 5


def test_the_digest_of_numbers_alone_stays_what_it_is():
    """Else no run that was begun before pictures came could continue."""
    rows = np.arange(3, dtype=np.float32)[:, None]
    trajectory = Trajectory(
        episode_id='e',
        purpose=Purpose.DEMONSTRATION,
        observations=rows,
        actions=rows[1:],
        rewards=rows[1:, 0],
        terminated=np.array([False, True]),
    )
    assert digest([trajectory]).startswith('add0c79c864a90aa')


def test_pictures_after_a_success_are_left_out():
    rows = np.arange(5, dtype=np.float32)[:, None]
    pictures = np.arange(6 * 2 * 4 * 3, dtype=np.uint8).reshape(6, 2, 4, 3)
    raw = RawEpisode(
        name='e',
        observations=rows,
        next_observations=rows + 1.0,
        actions=rows / 5.0,
        rewards=np.float32([0, 0, 1, 1, 1]),
        terminals=np.zeros(5, bool),
        timeouts=np.zeros(5, bool),
        films={'front': ArrayFilm(pictures)},
        instruction='lift it',
    )
    (trajectory,) = to_trajectories([raw], RewardConvention())
    assert trajectory.instruction == 'lift it'
    assert len(trajectory.observations) == len(trajectory.films['front']) == 4
    np.testing.assert_array_equal(list(trajectory.films['front']), pictures[:4])
    with pytest.raises(ValueError, match='has 5 pictures for 5 transitions'):
        dataclasses.replace(raw, films={'front': ArrayFilm(pictures[:5])})
