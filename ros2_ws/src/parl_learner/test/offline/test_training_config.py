# SPDX-License-Identifier: Apache-2.0
"""Every installed configuration loads, and trains a few steps with small networks."""

import dataclasses

import numpy as np
import pytest

from parl_learner.offline.d4rl_kitchen import D4RLKitchen
from parl_learner.offline.dataset_check import DatasetError
from parl_learner.offline.training_config import installed_configs, load_training
from parl_learner.offline.training_run import TrainingRun
from parl_learner.offline.trajectory import Trajectory
from parl_policy.config_file import ConfigError

IMAGES = ('calvin',)
WIDTHS = {
    'antmaze': (31, 8),
    'bridge': (7, 7),
    'kitchen': (60, 9),
    'point_maze': (6, 2),
    'robot': (12, 7),
}
ENVIRONMENTS = (
    'antmaze_large_diverse',
    'antmaze_medium_play',
    'kitchen_mixed',
    'point_maze_stitched',
)
TINY = (
    'learning.policy={hidden: 8, blocks: 1}',
    'learning.imitation_steps=2',
    'learning.offline_critic_steps=2',
    'learning.imitation_batch_size=4',
    'learning.critic_batch_size=4',
    'learning.critic.members=2',
    'learning.critic.hidden=[8, 8]',
    'learning.optimisation={samples: 3, particles: 2, gradient_steps: 1}',
    'practice_episodes=0',
)


def widths(name):
    return next(value for key, value in WIDTHS.items() if name.startswith(key))


def made_up(observation_dim, action_dim, convention):
    draws = np.random.default_rng(0)
    rewards = np.full(5, convention.success_reward - 1.0, np.float32)
    rewards[-1] = convention.success_reward
    return Trajectory(
        episode_id='made up',
        purpose='demonstration',
        observations=draws.normal(size=(6, observation_dim)).astype(np.float32),
        actions=draws.uniform(-0.9, 0.9, (5, action_dim)).astype(np.float32),
        rewards=convention.learned(rewards),
        terminated=convention.successes(rewards),
    )


def test_the_papers_tasks_are_there():
    found = installed_configs()
    assert sum(name.startswith('antmaze') for name in found) == 4
    assert {'kitchen_complete', 'kitchen_partial', 'kitchen_mixed', 'calvin', 'robot'} <= set(
        found
    )


@pytest.mark.parametrize('name', [n for n in installed_configs() if n not in IMAGES])
def test_a_configuration_trains_a_few_steps(name, tmp_path):
    config = dataclasses.replace(load_training(name, TINY), environment=None)
    assert config.name == name
    data = [made_up(*widths(name), config.reward)]
    run = TrainingRun(config, data, tmp_path, lambda _: None)
    run.run()
    assert run.loop.counters.policy_steps == 2
    assert run.loop.counters.critic_steps == 2 * config.learning.trains_critic


@pytest.mark.parametrize('name', ENVIRONMENTS)
def test_an_environment_looks_like_its_data(name, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))  # mazes write their model there
    config = load_training(name).environment
    environment = config.make()
    observation, _ = environment.reset(seed=0, options=dict(config.reset_options))
    assert (len(observation), environment.action_space.shape[0]) == widths(name)
    following, reward, *_ = environment.step(np.zeros(widths(name)[1], np.float32))
    assert following.dtype == np.float32
    assert reward == 0.0
    environment.close()
    assert not list(tmp_path.iterdir())


def test_images_are_refused_by_name(tmp_path):
    import h5py

    from parl_learner.offline.train import checked_data

    config = load_training('calvin')
    with h5py.File(tmp_path / config.dataset.file, 'w') as file:
        file['observations'] = np.zeros((3, 8, 8, 3), np.uint8)
        file['actions'] = np.zeros((3, 7))
        file['rewards'], file['terminals'] = np.zeros(3), np.zeros(3)
    with pytest.raises(DatasetError, match=r'layout: .*need an image critic'):
        checked_data(config, tmp_path)


def test_changes_and_likeness():
    config = load_training('kitchen_mixed', ['seed=4', 'learning.critic.members=3'])
    assert (config.seed, config.learning.critic.members) == (4, 3)
    assert config.learning.critic.support == (-400.0, 0.0)  # of kitchen_complete
    assert config.environment.arguments['tasks_to_complete'][2] == 'bottom burner'
    assert config.environment.max_steps == 280


def test_unknown_names_and_changes_are_refused():
    with pytest.raises(ConfigError, match=r'no configuration .antmaze.; name a YAML file'):
        load_training('antmaze')
    with pytest.raises(ConfigError, match='write key=value'):
        load_training('robot', ['seed'])
    with pytest.raises(ConfigError, match="unknown key 'sed'"):
        load_training('robot', ['sed=1'])
    with pytest.raises(ConfigError, match='not a section'):
        load_training('robot', ['name.inner=1'])


def test_human_demonstrations_solve_the_kitchen_open_loop(data_folder):
    """Same arm, same kitchen, same layout: D4RL's actions mean the same here."""
    config = load_training('kitchen_demonstrations')
    environment = config.environment.make()
    demonstration = config.dataset.read(data_folder)[0]
    observation, _ = environment.reset(seed=0)
    assert any(isinstance(w, D4RLKitchen) for w in wrappers(environment))
    np.testing.assert_array_equal(observation[30:], demonstration.observations[0, 30:])
    np.testing.assert_allclose(observation, demonstration.observations[0], atol=0.1)
    for action in demonstration.actions:
        observation, solved, terminated, *_ = environment.step(action)
        if terminated:
            break
    assert solved >= 3.0
    environment.close()


def wrappers(environment):
    while environment is not environment.unwrapped:
        yield environment
        environment = environment.env
