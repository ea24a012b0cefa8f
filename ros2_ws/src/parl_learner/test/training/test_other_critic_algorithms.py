# SPDX-License-Identifier: Apache-2.0
"""IQL and RLPD, beginning with the draws of their targets by hand."""

import copy

import pytest
from small_critic import (
    ACTION_DIM,
    new_batch,
    new_particles,
    new_trainer,
    q_value,
    STATES,
    td_loss,
)
import torch

from parl_learner.replay.replay import Batch
from parl_learner.training.critic_trainer import CriticTrainer
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_policy.acting.action_optimisation import Particles
from parl_policy.critics.critic import CriticConfig, CriticEnsemble


def test_rlpd_has_no_conservative_term_and_draws_different_members():
    trainer = new_trainer(algorithm='rlpd', learning_rate=0.0, target_rate=0.0)
    losses = [
        trainer.update(
            new_batch(), new_particles(2), new_particles(3), torch.Generator().manual_seed(seed)
        )
        for seed in range(60)
    ]
    assert all(metrics.loss == metrics.td_loss for metrics in losses)
    for seed in range(60):
        drawn, _ = trainer._draw_members(torch.Generator().manual_seed(seed))
        assert len(set(drawn)) == 2


def test_rlpd_targets_by_hand():
    """Of values -2, -5 and -9 the pairs' minima are -5 once and -9 twice."""
    trainer = new_trainer(algorithm='rlpd', learning_rate=0.0, target_rate=0.0)
    for critic in (trainer.critic, trainer.target):
        for member, value in zip(critic.members, (-2.0, -5.0, -9.0), strict=True):
            torch.nn.init.zeros_(member.head.weight)
            torch.nn.init.constant_(member.head.bias, value)
    one, nothing = torch.ones(1), torch.zeros(1, ACTION_DIM)
    states = one[:, None].repeat(1, 2)
    batch = Batch(one.long(), one.long(), states, states, nothing,
                  -one, 0.5 * one, 0 * one)  # fmt: skip
    particles = Particles(nothing[None], torch.zeros(1, 1))
    generator = torch.Generator().manual_seed(0)
    losses = [trainer.update(batch, None, particles, generator).td_loss for _ in range(300)]
    # Targets -1 - 2.5 and -1 - 4.5: means of 1.5², 1.5², 5.5² and of 3.5², 0.5², 3.5².
    rates = [losses.count(pytest.approx(loss)) / 300 for loss in (34.75 / 3, 24.75 / 3)]
    assert rates == pytest.approx([1 / 3, 2 / 3], abs=4 * 0.028)


def test_rlpd_needs_enough_members():
    CriticTrainerConfig(algorithm='rlpd').check_members(2)
    with pytest.raises(ValueError, match=r'rlpd draws 2 different members of 1; raise critic'):
        CriticTrainerConfig(practice_algorithm='rlpd').check_members(1)


def test_one_update_of_iql_equals_the_literal_transcription():
    trainer = new_trainer(algorithm='iql', expectile=0.8)
    batch, literal = new_batch(), copy.deepcopy(trainer)
    value, generator = literal.value, torch.Generator().manual_seed(5)
    torch.randint(3, (2, 2), generator=generator)
    drawn = torch.randint(3, (2, 2), generator=generator)[0].tolist()
    expected = 0.0
    for b in range(STATES):
        state, action = batch.observations[b], batch.actions[b]
        v = value(literal.critic.normaliser(state))
        v_next = value(literal.critic.normaliser(batch.next_observations[b])).item()
        target = float(batch.rewards[b]) + float(batch.discounts[b]) * v_next
        for e in range(3):
            expected = expected + td_loss(literal.critic, e, state, action, target) / STATES / 3
        u = min(q_value(literal.target, e, state, action).item() for e in drawn) - v
        expected = expected + (0.8 if u > 0 else 0.2) * u**2 / STATES
    expected.backward()
    metrics = trainer.update(batch, None, None, torch.Generator().manual_seed(5))
    assert metrics.loss == pytest.approx(expected.item(), rel=1e-5)
    pairs = [(literal.critic, trainer.critic), (literal.value, trainer.value)]
    for old, new in pairs:
        for a, b in zip(old.parameters(), new.parameters(), strict=True):
            torch.testing.assert_close(b.grad, a.grad, atol=1e-4, rtol=1e-4)


def test_iql_learns_the_expectile_of_its_data():
    """One state; actions worth 0 and -10, half each: V comes to the 0.9-expectile, -1."""
    torch.manual_seed(0)
    critic = CriticEnsemble(2, 1, CriticConfig(members=2, hidden=(32, 32), head='mse'))
    trainer = CriticTrainer(
        critic,
        CriticTrainerConfig(algorithm='iql', expectile=0.9, learning_rate=3e-3, target_rate=0.05),
    )
    actions = torch.tensor([[-1.0], [1.0]]).repeat(16, 1)
    rewards = torch.where(actions[:, 0] > 0, 0.0, -10.0)
    states = torch.zeros(32, 2)
    rows = torch.arange(32)
    batch = Batch(rows, rows, states, states, actions, rewards, 0 * rewards, rewards)
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        trainer.update(batch, None, None, generator)
    assert trainer.state_values(states[:1]).item() == pytest.approx(-1.0, abs=0.15)
    advantages = trainer.advantages(batch, generator)[:2].detach()
    torch.testing.assert_close(advantages, torch.tensor([-9.0, 1.0]), atol=0.3, rtol=0)


def test_practice_may_have_its_own_algorithm():
    trainer = new_trainer(algorithm='cal_ql', practice_algorithm='iql')
    assert (trainer.algorithm, trainer.needs_actions) == ('cal_ql', True)
    trainer.begin_practice()
    assert (trainer.algorithm, trainer.needs_actions) == ('iql', False)


def test_state_comes_back_whole():
    first, second = (new_trainer(algorithm='iql') for _ in range(2))
    first.update(new_batch(), None, None, torch.Generator().manual_seed(1))
    second.load_state_dict({key: value.clone() for key, value in first.state_dict().items()})
    for trainer in (first, second):
        trainer.update(new_batch(), None, None, torch.Generator().manual_seed(2))
    state, other = first.state_dict(), second.state_dict()
    assert {key.split('/')[0] for key in state} == {'critic', 'target', 'value', 'adam'}
    assert all(torch.equal(value, other[key]) for key, value in state.items())
