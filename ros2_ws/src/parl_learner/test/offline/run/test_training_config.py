# SPDX-License-Identifier: Apache-2.0
"""Every installed configuration loads, and trains a few steps with small networks."""

import dataclasses

import h5py
import numpy as np
import pytest

from parl_files.config_file import ConfigError, from_mapping
from parl_learner.methods.method_files import METHOD_FILES
from parl_learner.methods.registry import method_of
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.trajectory import Trajectory
from parl_learner.offline.environments.d4rl_kitchen import D4RLKitchen
from parl_learner.offline.observations.films import ArrayFilm
from parl_learner.offline.run.train import checked_data
from parl_learner.offline.run.training_files import (
    load_training,
    TASK_FILES,
)
from parl_learner.offline.run.training_run import TrainingRun
from parl_policy.policies.registry import find_policy_class

WIDTHS = {
    'antmaze': (31, 8),
    'bridge': (7, 7),
    'calvin': (0, 7),
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
    'learning.imitation_steps=2',
    'learning.offline_critic_steps=2',
    'learning.imitation_batch_size=4',
    'learning.critic_batch_size=4',
    'learning.critic.members=2',
    'learning.critic.hidden=[8, 8]',
    'learning.optimisation={samples: 3, particles: 2, gradient_steps: 1}',
    'practice_episodes=0',
)
SMALL_POLICIES = {
    'autoregressive': {'hidden': 8, 'layers': 1, 'heads': 2, 'bins': 8},
    'diffusion': {'hidden': 8, 'blocks': 1},
    'gaussian': {'hidden': [8]},
}
SMALL_VISION = '{pictures: {static: {size: [100, 100]}}, encoder: {widths: [4]}}'
LEARNED_FROM_REWARDS = [name for name in sorted(TASK_FILES) if name != 'bridge_snippets']


def widths(name):
    return next(value for key, value in WIDTHS.items() if name.startswith(key))


def made_up(observation_dim, action_dim, convention):
    draws = np.random.default_rng(0)
    rewards = np.full(5, convention.success_reward - 1.0, np.float32)
    rewards[-1] = convention.success_reward
    pictures = draws.integers(256, size=(6, 100, 100, 3), dtype=np.uint8)
    return Trajectory(
        episode_id='made up',
        purpose='demonstration',
        observations=draws.normal(size=(6, observation_dim)).astype(np.float32),
        actions=draws.uniform(-0.9, 0.9, (5, action_dim)).astype(np.float32),
        rewards=convention.learned(rewards),
        terminated=convention.successes(rewards),
        films={} if observation_dim else {'static': ArrayFilm(pictures)},
    )


def tiny(name, method=''):
    """The configuration with small networks and a few updates, without its environment."""
    policy_class = load_training(name, method=method).learning.policy_class
    changes = [*TINY, f'learning.policy={SMALL_POLICIES[policy_class]}']
    if name == 'calvin':
        changes += [f'learning.{who}.vision={SMALL_VISION}' for who in ('policy', 'critic')]
    return dataclasses.replace(load_training(name, changes, method), environment=None)


def test_the_papers_tasks_are_there():
    found = sorted(TASK_FILES)
    assert sum(name.startswith('antmaze') for name in found) == 4
    assert {'kitchen_complete', 'kitchen_partial', 'kitchen_mixed', 'calvin', 'robot'} <= set(
        found
    )


@pytest.mark.parametrize('name', sorted(TASK_FILES))
def test_a_configuration_trains_a_few_steps(name, tmp_path):
    config = tiny(name)
    assert config.name == name
    data = [made_up(*widths(name), config.reward)]
    run = TrainingRun(config, data, tmp_path, lambda _: None)
    run.run()
    assert run.loop.counters.policy_steps == 2
    assert run.loop.counters.critic_steps == 2 * run.loop.method.trains_critic


@pytest.mark.parametrize('method', sorted(METHOD_FILES))
@pytest.mark.parametrize('name', LEARNED_FROM_REWARDS)
def test_a_method_trains_on_any_task(name, method, tmp_path):
    full = load_training(name, method=method)
    assert full.name == f'{name}-{method}'
    from_mapping(find_policy_class(full.learning.policy_class)[1], full.learning.policy, name)
    config = tiny(name, method)
    run = TrainingRun(config, [made_up(*widths(name), config.reward)], tmp_path, lambda _: None)
    run.run()
    assert run.loop.counters.critic_steps == 2
    assert run.loop.counters.policy_steps == 2 * (1 + run.loop.method.learns_with_critic)


def test_methods_differ_where_they_should():
    paper = {
        method: load_training('antmaze_large_play', method=method).learning
        for method in sorted(METHOD_FILES)
    }
    assert paper['autoregressive'].method == 'pa_rl'
    assert paper['autoregressive'].policy_class == 'autoregressive'
    cal_ql = paper['gaussian_cal_ql']
    assert not method_of(cal_ql).evaluates_with_critic(cal_ql)
    assert paper['gaussian_cal_ql'].policy_trainer.value_gradient.target_entropy == -8.0
    assert paper['diffusion_ql'].policy_trainer.value_gradient.target_entropy is None
    assert paper['idql'].critic_trainer.expectile == 0.9
    assert load_training('kitchen_mixed', method='idql').learning.critic_trainer.expectile == 0.7
    assert {learning.critic.support for learning in paper.values()} == {(-100.0, 0.0)}


@pytest.mark.parametrize('name', ENVIRONMENTS)
def test_an_environment_looks_like_its_data(name, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))  # mazes write their model there
    config = load_training(name).environment
    environment = config.make()
    observation, _ = environment.reset(seed=0, options=dict(config.reset_options))
    assert (len(observation.numbers), environment.action_space.shape[0]) == widths(name)
    following, reward, *_ = environment.step(np.zeros(widths(name)[1], np.float32))
    assert following.numbers.dtype == np.float32
    assert reward == 0.0
    environment.close()
    assert not list(tmp_path.iterdir())


def test_calvin_is_learned_from_pictures(tmp_path):
    """Data in the layout that its file describes; its environment was never run."""
    config = tiny('calvin')
    draws, ends = np.random.default_rng(0), np.arange(12) % 6 == 5
    with h5py.File(tmp_path / config.dataset.file, 'w') as file:
        file['observations'] = draws.integers(0, 256, (12, 100, 100, 3), dtype=np.uint8)
        file['actions'] = draws.uniform(-1.0, 1.0, (12, 7)).astype(np.float32)
        file['rewards'] = np.float32([0, 1, 1, 2, 3, 4, 0, 0, 1, 1, 2, 2])
        file['terminals'] = file['rewards'][:] == 4.0
        file['timeouts'] = ends & ~file['terminals'][:]
    data = checked_data(config, tmp_path)
    assert [len(t) for t in data] == [6, 5]
    run = TrainingRun(config, data, tmp_path / 'run', lambda _: None)
    run.run()
    assert (run.loop.counters.policy_steps, run.loop.counters.critic_steps) == (2, 2)
    assert np.isfinite(run.loop.units.critic_metrics.loss)


def test_smaller_pictures_than_are_seen_are_refused(tmp_path):
    config = tiny('calvin')
    small = {'static': ArrayFilm(np.zeros((6, 64, 64, 3), np.uint8))}
    other = dataclasses.replace(made_up(0, 7, config.reward), films=small)
    with pytest.raises(ConfigError, match=r'record larger pictures or see smaller ones'):
        TrainingRun(config, [other], tmp_path, lambda _: None)


def test_files_extend_files_beside_them(tmp_path):
    (tmp_path / 'base.yaml').write_text(
        'extends: other.yaml\nlearning: {policy: {hidden: 8, blocks: null}}\n'
    )
    (tmp_path / 'other.yaml').write_text(
        'name: base\ndataset: {file: x, format: d4rl}\nlearning: {policy: {blocks: 3}}\n'
    )
    config = load_training(str(tmp_path / 'base.yaml'))
    assert config.name == 'base'
    assert config.learning.policy == {'hidden': 8}
    (tmp_path / 'other.yaml').write_text('extends: base.yaml\n')
    with pytest.raises(ConfigError, match='extends itself'):
        load_training(str(tmp_path / 'base.yaml'))


def test_changes_and_extension():
    config = load_training('kitchen_mixed', ['seed=4', 'learning.critic.members=3'])
    assert (config.seed, config.learning.critic.members) == (4, 3)
    assert config.learning.critic.support == (-400.0, 0.0)  # of kitchen_complete
    assert config.environment.arguments['tasks_to_complete'][2] == 'bottom burner'
    assert config.environment.max_steps == 280
    config = load_training('kitchen_mixed', ['learning.policy.blocks=null', 'reward=null'])
    assert 'blocks' not in config.learning.policy
    assert config.reward == RewardConvention()


@pytest.mark.parametrize(
    ('task', 'width', 'eta'),
    [
        ('kitchen_complete', 9, 0.005),
        ('kitchen_mixed', 9, 0.005),
        ('antmaze_large_diverse', 8, 3.5),
        ('antmaze_large_play', 8, 4.5),
        ('antmaze_medium_diverse', 8, 3.0),
        ('antmaze_medium_play', 8, 2.0),
        ('robot', 7, 0.005),
        ('calvin', 7, 0.005),
    ],
)
def test_diffusion_ql_weighs_q_as_its_authors_do(task, width, eta):
    """Q times η beside a mean over the action's numbers; here 1 beside a weighed sum."""
    weight = load_training(task, method='diffusion_ql').learning.policy_trainer.value_gradient
    assert weight.imitation_weight == pytest.approx(1.0 / (width * eta), rel=0.03)
    other = load_training(task, method='gaussian_cal_ql').learning.policy_trainer.value_gradient
    assert other.imitation_weight == 0.0
    assert other.target_entropy == -(width - (task == 'robot'))


def test_unknown_names_and_changes_are_refused():
    with pytest.raises(ConfigError, match=r'no task .antmaze.; name a YAML file'):
        load_training('antmaze')
    with pytest.raises(ConfigError, match='write key=value'):
        load_training('robot', ['seed'])
    with pytest.raises(
        ConfigError, match=r"robot\.yaml \(with sed=1\): sed is unknown; .*mean 'seed'\?$"
    ):
        load_training('robot', ['sed=1'])
    with pytest.raises(ConfigError, match="no method 'magic'"):
        load_training('robot', method='magic')
    with pytest.raises(ConfigError, match=r'^--set seed=\{: line 1: '):
        load_training('robot', ['seed={'])
    for key in ('seed', 'warm_up_episodes', 'practice_episodes'):
        with pytest.raises(ConfigError, match=f'{key} must be 0 or more: -1'):
            load_training('robot', [f'{key}=-1'])
    with pytest.raises(ConfigError, match='not a section'):
        load_training('robot', ['name.inner=1'])


def test_human_demonstrations_solve_the_kitchen_open_loop(data_folder):
    """Same arm, same kitchen, same layout: D4RL's actions mean the same here."""
    config = load_training('kitchen_demonstrations')
    environment = config.environment.make()
    demonstration = config.dataset.read(data_folder)[0]
    observation, _ = environment.reset(seed=0)
    assert any(isinstance(w, D4RLKitchen) for w in wrappers(environment))
    np.testing.assert_array_equal(observation.numbers[30:], demonstration.observations[0, 30:])
    np.testing.assert_allclose(observation.numbers, demonstration.observations[0], atol=0.1)
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
