# SPDX-License-Identifier: Apache-2.0
import h5py
import numpy as np
import pytest

from parl_learner.offline.hdf5_data import read_d4rl, write_d4rl
from parl_learner.offline.point_maze_data import CORRIDOR, make_walks, WALK_STEPS
from parl_learner.offline.train import main
from parl_learner.offline.training_config import load_training

TINY = [
    'learning.policy={hidden: 8, blocks: 1}',
    'learning.imitation_steps=3',
    'learning.offline_critic_steps=3',
    'learning.critic.hidden=[8, 8]',
    'learning.optimisation={samples: 3, particles: 2, gradient_steps: 1}',
    'evaluation_episodes=2',
    'environment.max_steps=5',
    'warm_up_episodes=1',
    'practice_episodes=1',
]


@pytest.fixture(scope='session')
def walks(tmp_path_factory):
    """A data folder with a few walks."""
    config = load_training('point_maze_stitched')
    folder = tmp_path_factory.mktemp('data')
    write_d4rl(folder / config.dataset.file, make_walks(config.environment, 12, seed=1))
    return folder


def test_walks_are_short_pieces_of_the_way(walks):
    episodes = read_d4rl(walks / 'point_maze_stitched.hdf5', 'flags')
    assert len(episodes) == 12
    assert max(len(e) for e in episodes) == WALK_STEPS
    # The whole way is six cells of 1 m long.
    for episode in episodes:
        moved = np.linalg.norm(episode.next_observations[-1, :2] - episode.observations[0, :2])
        assert moved < (len(CORRIDOR) - 1) / 2


def test_check_prints_the_data_and_trains_nothing(walks, tmp_path, capsys):
    run = str(tmp_path / 'run')
    assert main(['point_maze_stitched', '--data', str(walks), '--check', '--out', run]) == 0
    printed = capsys.readouterr().out
    assert '12 of ' in printed
    assert 'the data fits the configuration' in printed
    assert not (tmp_path / 'run').exists()


def test_it_trains_practises_and_prints_a_row(walks, tmp_path, capsys):
    arguments = ['point_maze_stitched', '--data', str(walks), '--out', str(tmp_path / 'run')]
    for change in TINY:
        arguments += ['--set', change]
    assert main(arguments) == 0
    assert '| point_maze_stitched | 0 |' in capsys.readouterr().out
    assert (tmp_path / 'run/result.json').exists()


def test_wrong_data_is_refused_with_every_finding(walks, tmp_path, capsys):
    path = tmp_path / 'point_maze_stitched.hdf5'
    path.write_bytes((walks / path.name).read_bytes())
    with h5py.File(path, 'r+') as file:
        file['actions'][0] = 3.0
        file['rewards'][:] = 0.0
    assert main(['point_maze_stitched', '--data', str(tmp_path)]) == 1
    errors = capsys.readouterr().err
    assert 'action-range: ' in errors
    assert 'no-success: ' in errors
    assert main(['point_maze_stitched', '--data', str(tmp_path / 'nowhere')]) == 1
    assert 'PARL_DATA' in capsys.readouterr().err
