# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

from learning_rounds import is_same, NAMES, run_round, run_stage, tensors
import numpy as np
import pytest
import torch

from parl_learner.loop.checkpoint import load_checkpoint, save_checkpoint
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.replay.replay import CriticSupportError
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_policy.acting.actor_file import load_actor
from parl_policy.critics.critic import CriticConfig
from parl_policy.policy import ActionSpec


def test_each_stage_changes_only_its_own(learning, demonstrations, practice):
    loop = LearningLoop(learning(), NAMES, seed=0)
    changes = []
    for episodes in (demonstrations, practice):
        loop.begin_round(episodes)
        while not loop.idle:
            policy, critic = tensors(loop.policy), tensors(loop.critic_trainer.critic)
            candidates = loop.cache.state_dict()['candidates'].clone()
            name, _ = run_stage(loop)
            now = loop.cache.state_dict()['candidates']
            changes.append(
                (
                    name,
                    not is_same(policy, loop.policy),
                    not is_same(critic, loop.critic_trainer.critic),
                    not torch.equal(candidates, now[: len(candidates)]) or not len(candidates),
                )
            )
    assert changes == [
        ('imitating', True, False, True),
        ('sampling', False, False, True),
        ('critic', False, True, False),
        ('finishing', False, False, False),
        ('sampling_new', False, False, False),
        ('distilling', True, False, False),
        ('sampling', False, False, True),
        ('critic', False, True, False),
        ('finishing', False, False, False),
    ]


def test_optimisers_start_afresh_when_practice_begins(learning, demonstrations, recorded):
    loop = LearningLoop(learning(), NAMES, seed=0)
    rates = []
    for episodes in (demonstrations, recorded[2:4], recorded[4:5]):
        old = (loop.policy_trainer.optimiser, loop.critic_trainer.optimiser)
        run_round(loop, episodes)
        new = (loop.policy_trainer.optimiser, loop.critic_trainer.optimiser)
        is_new = [before is not after for before, after in zip(old, new, strict=True)]
        rates.append((loop.policy_trainer.optimiser.param_groups[0]['lr'], is_new))
    assert rates == [(3e-4, [False] * 2), (5e-5, [True] * 2), (5e-5, [False] * 2)]


def test_practice_has_a_number_of_samples_of_its_own(learning, recorded, tmp_path):
    """Versions act with it from the first one on, which plays the first round of practice."""
    loop, drawn = LearningLoop(learning(practice_samples=2), NAMES, seed=0), []
    for episodes in (recorded[:2], recorded[2:4]):
        run_round(loop, episodes)
        drawn.append(loop.cache.state_dict()['candidates'].shape[1])
        path = tmp_path / 'policy'
        path.write_bytes(loop.version_files()['policy'])
        assert load_actor(path, None)[1].optimisation.samples == 2
    assert drawn == [4, 2]


@pytest.mark.parametrize('units', [1, 2, 4])
def test_a_restart_in_practice_goes_on_with_fewer_samples(learning, recorded, tmp_path, units):
    config = learning(practice_samples=3)
    whole, again = (LearningLoop(config, NAMES, seed=0) for _ in range(2))
    run_round(whole, recorded[:2])
    whole.begin_round(recorded[2:4])
    for _ in range(units):
        whole.advance()
    save_checkpoint(tmp_path / 'c', whole, [])
    again.resume([recorded[:2], recorded[2:4]])
    load_checkpoint(tmp_path / 'c', again)
    for loop in (whole, again):
        load_checkpoint(tmp_path / 'c', loop)  # the draws of both begin here
        while not loop.idle:
            loop.advance()
        run_round(loop, recorded[4:5])
    assert whole.version_files() == again.version_files()


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'practice_samples': 2},
        {'particle_refresh_steps': 1},
        {'distillation_target': 'argmax'},
        {'critic_trainer': CriticTrainerConfig(backup='policy')},
        {'method': 'filtered_imitation'},
        {'critic_trainer': CriticTrainerConfig(algorithm='iql')},
        {'critic_trainer': CriticTrainerConfig(algorithm='rlpd')},
        {'method': 'value_gradient', 'particle_refresh_steps': 1},
    ],
)
def test_same_seed_same_versions(learning, demonstrations, practice, changes):
    files = []
    for seed in (5, 5, 6):
        loop = LearningLoop(learning(**changes), NAMES, seed=seed)
        run_round(loop, demonstrations)
        torch.rand(len(files))
        files.append(loop.version_files())
        if len(files) < 3:
            torch.manual_seed(0)
        run_round(loop, practice)
        files[-1] |= {f'{kind} 2': data for kind, data in loop.version_files().items()}
    assert set(files[0]) == {'policy', 'critic', 'policy 2', 'critic 2'}
    assert files[0] == files[1]
    assert files[0]['policy'] != files[2]['policy']


def test_normalisation_comes_from_the_demonstrations(learning, demonstrations, practice):
    loop = LearningLoop(learning(), NAMES, seed=0)
    run_round(loop, demonstrations)
    mean = loop.replay.observations.mean(0)
    modules = (loop.policy, loop.critic_trainer.critic, loop.critic_trainer.target)
    run_round(loop, practice)
    for module in modules:
        torch.testing.assert_close(module.normaliser.mean, mean)


def test_a_round_must_be_finished_before_the_next(learning, demonstrations, practice):
    loop = LearningLoop(learning(), NAMES, seed=0)
    loop.begin_round(demonstrations)
    with pytest.raises(RuntimeError, match='round 0 is not finished'):
        loop.begin_round(practice)


@pytest.mark.parametrize(
    ('policy_class', 'policy'),
    [
        ('autoregressive', {'layers': 1, 'hidden': 8, 'heads': 2, 'bins': 16}),
        ('diffusion', {'hidden': 8, 'blocks': 1, 'ema_rate': 0.1}),
        ('edited', {'hidden': [8], 'base': {'hidden': 8, 'blocks': 1, 'ema_rate': 0.1}}),
        ('flow', {'hidden': 8, 'blocks': 1, 'ema_rate': 0.1}),
        ('gaussian', {'hidden': [8]}),
    ],
)
def test_a_policy_that_is_put_back_acts_as_its_file_does(
    learning, recorded, tmp_path, policy_class, policy
):
    loop = LearningLoop(learning(policy_class=policy_class, policy=policy), NAMES, seed=0)
    run_round(loop, recorded[:2])
    path = tmp_path / 'old'
    path.write_bytes(loop.version_files()['policy'])
    run_round(loop, recorded[2:4])
    learned = tensors(loop.policy)
    critic = tensors(loop.critic_trainer.critic)
    loop.begin_round(recorded[4:5], path)
    assert not is_same(learned, loop.policy)
    assert is_same(critic, loop.critic_trainer.critic)
    drawn = []
    for acting in (loop.policy, load_actor(path, None)[0].policy):
        context = acting.encode(torch.ones(1, 3))
        drawn.append(acting.sample(context, 5, torch.Generator().manual_seed(7)))
    assert torch.equal(*drawn)
    before = tensors(loop.policy)
    while not loop.idle:
        loop.advance()
    assert not is_same(before, loop.policy), 'it learns on'


def test_a_support_that_cannot_hold_the_returns_is_refused(learning, demonstrations):
    narrow = CriticConfig(members=2, hidden=(8,), support=(-50.0, 0.0))
    loop = LearningLoop(learning(critic=narrow), NAMES, seed=0)
    with pytest.raises(CriticSupportError, match=r'span \[-100\.00, 0\.00\].*critic\.support'):
        loop.begin_round(demonstrations)
    scalar = CriticConfig(members=2, hidden=(8,), support=(-50.0, 0.0), head='mse')
    LearningLoop(learning(critic=scalar), NAMES, seed=0).begin_round(demonstrations)


def test_actions_of_another_robot(learning):
    spec = ActionSpec(horizon=1, dim=2)
    episode = SimpleNamespace(
        episode_id='e',
        purpose='demonstration',
        success=False,
        observations=np.zeros((3, 4), np.float32),
        actions=np.full((2, 2), 0.5, np.float32),
        rewards=np.full(2, -3.0, np.float32),
        terminated=np.zeros(2, bool),
        interventions=np.zeros(2, bool),
        films={},
        instruction='',
    )
    config = learning(failure_return='recorded', discount=0.5)
    loop = LearningLoop(config, tuple('abcd'), seed=0, action_spec=spec)
    loop.begin_round([episode])
    assert loop.replay.batch(torch.arange(2)).returns.tolist() == [-4.5, -3.0]
    while not loop.idle:
        loop.advance()
    with torch.no_grad():
        actions = loop.policy.sample(loop.policy.encode(torch.zeros(1, 4)), 3, torch.Generator())
    assert actions.shape == (1, 3, 2)
