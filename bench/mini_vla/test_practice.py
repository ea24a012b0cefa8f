# SPDX-License-Identifier: Apache-2.0
"""Section 5.2.2 from beginning to end, with a model of a few thousand weights."""

from in_process.experiment import run_in_process
import numpy as np
import pytest
import torch

from mini_vla.demonstrations import TASKS
from mini_vla.recipe import load_recipe
from parl_files.artifact_store import ArtifactStore
from parl_files.episode_library import EpisodeLibrary
from parl_learner.plan.experiment_config import load_experiment
from parl_policy.acting.actor_file import load_actor
from parl_vla.openvla.checkpoint import write_checkpoint
from parl_vla.openvla.small_model import small_model, SmallModelConfig
from widowx_sim.scripted_expert import ExpertConfig

EXPERIMENTS = TASKS.parent / 'experiments/vla'
INSTRUCTIONS = load_recipe().instructions.values()
TINY = SmallModelConfig(
    size=28, tower_width=16, tower_blocks=1, tower_heads=2, width=32, blocks=1, heads=2
)
SETTINGS = (
    'cameras.camera=[96, 128]',
    'demonstrations=2',
    'practice_episodes=2',
    'warm_up_episodes=1',
    'episodes_per_round=1',
    'evaluation_episodes=1',
    'gate_episodes=0',
    'learning.offline_critic_steps=3',
    'learning.policy_updates_per_step=0.1',
    'learning.critic_updates_per_step=0.1',
    'learning.critic.members=2',
    'learning.critic.hidden=[16]',
    'learning.critic_batch_size=16',
    'learning.imitation_batch_size=4',
)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A checkpoint that opens and closes the gripper, and moves, at random."""
    folder = tmp_path_factory.mktemp('model')
    statistics = {'q01': [-0.05] * 3 + [0.0] * 4, 'q99': [0.05] * 3 + [0.0] * 3 + [1.0]}
    torch.manual_seed(0)
    network, files = small_model(
        TINY,
        INSTRUCTIONS,
        {'mini': {'action': {**statistics, 'mask': [True] * 6 + [False]}}},
    )
    write_checkpoint(folder, files, network.state_dict())
    return folder


@pytest.mark.parametrize(
    ('name', 'policy'),
    [('vegetable_to_plate', 'policy'), ('expo', 'policy.base')],
)
def test_a_vla_practises_on_its_own_episodes(model, tmp_path, name, policy):
    seen = '{camera: {size: [28, 28]}}'
    where = (policy, policy.removesuffix('.base') + '.vision', 'critic.vision')
    views = [f'learning.{each}.pictures={seen}' for each in dict.fromkeys(where)]
    if name == 'vegetable_to_plate':
        views = [each for each in views if 'policy.vision' not in each]
        views.append('learning.waypoint_trainer.steps=2')
    settings = [*SETTINGS, *views, f'learning.{policy}.model={model}']
    config = load_experiment(EXPERIMENTS / f'{name}.yaml', settings)
    results = run_in_process(config, TASKS, ExpertConfig(), tmp_path, lambda _: None)
    assert results['zero-shot'].episodes == 2
    assert results['fine-tuned'].episodes == 1
    store = ArtifactStore(tmp_path / 'artifacts')
    versions = {record.version: store.path(record.name) for record in store.list('policy')}
    first, last = (load_actor(versions[each], None)[0].policy for each in (1, 3))
    assert versions[3].stat().st_size < 2_000_000, 'a version is its adapters'
    before, after = first.state_dict(), last.state_dict()
    assert any('lora_B' in key and (after[key] != before[key]).any() for key in after)
    library = EpisodeLibrary(store, pytest.fail)
    library.refresh()
    episodes = [library.named(file) for file in library.completed().values()]
    assert {episode.instruction for episode in episodes} == {next(iter(INSTRUCTIONS))}
    moved = np.concatenate([episode.actions for episode in episodes])
    assert np.abs(moved[:, :3]).max() > 0.5
