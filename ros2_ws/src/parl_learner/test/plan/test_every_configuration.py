# SPDX-License-Identifier: Apache-2.0
"""Every experiment file in the tree is read, trained for a few steps, and acts."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.plan.experiment_config import load_experiment
from parl_learner.plan.schedule import planned_steps
from parl_policy.acting.actor_file import load_actor
from parl_policy.episode.observation import ObservationLayout
from parl_policy.observations import Observation
from parl_vla.openvla.checkpoint import write_checkpoint
from parl_vla.openvla.small_model import small_model, SmallModelConfig

EXPERIMENTS = Path(__file__).parents[3] / 'widowx_bringup/config/experiments'
PATHS = sorted(EXPERIMENTS.rglob('*.yaml'))


@pytest.fixture(scope='module', autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def place_of_the_mini_model(tmp_path_factory):
    """A folder with an untrained model where the files of vla/ look for theirs."""
    folder = tmp_path_factory.mktemp('here')
    statistics = {'q01': [-0.05] * 3 + [0.0] * 4, 'q99': [0.05] * 3 + [0.0] * 3 + [1.0]}
    datasets = {'mini': {'action': {**statistics, 'mask': [True] * 6 + [False]}}}
    shape = SmallModelConfig(tower_width=16, tower_blocks=1, tower_heads=2, width=32, blocks=1)
    network, files = small_model(shape, [''], datasets)
    write_checkpoint(folder / 'runs/mini_vla/model', files, network.state_dict())
    return folder


@pytest.fixture(autouse=True)
def _beside_the_mini_model(place_of_the_mini_model, monkeypatch):
    monkeypatch.chdir(place_of_the_mini_model)


def shortened(learning):
    """The same learning, a few updates of each kind."""
    per_critic_update = learning.policy_updates_per_step / learning.critic_updates_per_step
    return dataclasses.replace(
        learning,
        waypoint_trainer=dataclasses.replace(learning.waypoint_trainer, steps=2),
        imitation_steps=min(learning.imitation_steps, 2),
        offline_critic_steps=min(learning.offline_critic_steps, 3),
        policy_updates_per_step=per_critic_update,
        critic_updates_per_step=1.0,
        imitation_batch_size=16,
        critic_batch_size=16,
    )


def test_there_are_experiments():
    assert len(PATHS) >= 20


@pytest.mark.parametrize('path', PATHS, ids=lambda path: str(path.relative_to(EXPERIMENTS)))
def test_an_experiment_starts_and_trains(path, new_episode, played, tmp_path):
    config = load_experiment(path)
    learning = shortened(config.learning)
    names = ObservationLayout(object_names=('cup',), cameras=config.cameras).names
    loop = LearningLoop(learning, names, config.seed, cameras=config.cameras, folder=tmp_path)
    needs = loop.actor_config.policy_needs
    kinds = {'names': names, 'cameras': config.cameras}
    demonstrations = [
        new_episode('d0', length=4, **kinds),
        new_episode('d1', outcome='timeout', length=3, seed=1, **kinds),
    ]
    for episodes in (lambda: demonstrations, lambda: [played(loop.policy, needs=needs, **kinds)]):
        loop.begin_round(episodes())
        while not loop.idle:
            loop.advance()
    counters = loop.counters
    assert counters.version == 2
    if learning.method != 'frozen':
        assert np.isfinite(loop.units.policy_loss)
        assert counters.policy_steps > 0
    if loop.method.trains_critic:
        assert np.isfinite(loop.units.critic_metrics.loss)
        assert counters.critic_steps == learning.offline_critic_steps + 10
    for kind, content in loop.version_files().items():
        (tmp_path / kind).write_bytes(content)
    optimises = any(getattr(step, 'optimise', False) for step in planned_steps(config))
    critic = tmp_path / 'critic' if optimises else None
    actor, _, _ = load_actor(tmp_path / 'policy', critic)
    black = {camera: np.zeros((*size, 3), np.uint8) for camera, size in config.cameras.items()}
    observation = Observation(np.zeros(len(names), np.float32), black)
    decision = actor.act(observation, torch.Generator().manual_seed(0))
    assert np.abs(decision.action).max() <= 1.0
