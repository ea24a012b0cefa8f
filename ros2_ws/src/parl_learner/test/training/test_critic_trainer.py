# SPDX-License-Identifier: Apache-2.0
"""One update against a literal transcription, a state, an action and a member at a time."""

import copy
import math

import numpy as np
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


def choices(particles, backup, count, generator):
    """Actions of π_opt, count for each state, copies of the best included."""
    if backup == 'argmax':
        best = [int(np.argmax(values)) for values in particles.values.numpy()]
        return [[particles.actions[b, best[b]]] * count for b in range(STATES)]
    drawn = torch.multinomial(particles.values.softmax(1), count, True, generator=generator)
    return [[particles.actions[b, i] for i in drawn[b]] for b in range(STATES)]


def literal_loss(trainer, batch, current, following, generator):
    """Loss of one update as PA-RL and Cal-QL write it; same draws in the same order."""
    critic, config = trainer.critic, trainer.config
    members, count = len(critic.members), config.cql_actions
    drawn = torch.randint(members, (2, config.subsample), generator=generator).tolist()
    next_action = choices(following, config.backup, 1, generator)
    targets = []
    for b in range(STATES):
        with torch.no_grad():
            values = [
                float(q_value(trainer.target, e, batch.next_observations[b], next_action[b][0]))
                for e in drawn[0]
            ]
        targets.append(float(batch.rewards[b]) + float(batch.discounts[b]) * min(values))
    td = sum(
        td_loss(critic, e, batch.observations[b], batch.actions[b], targets[b]) / STATES / members
        for e in range(members)
        for b in range(STATES)
    )
    uniform = torch.rand((STATES, count, ACTION_DIM), generator=generator) * 2.0 - 1.0
    now = choices(current, config.backup, count, generator)
    then = choices(following, config.backup, count, generator)
    gap = 0.0
    for e in drawn[1]:
        for b in range(STATES):
            state, bound = batch.observations[b], batch.returns[b]
            data = q_value(critic, e, state, batch.actions[b])
            values = [q_value(critic, e, state, action) for action in uniform[b]]
            values += [
                torch.maximum(
                    q_value(critic, e, state, action),
                    bound if config.algorithm == 'cal_ql' else torch.tensor(-math.inf),
                )
                for action in [*now[b], *then[b]]
            ]
            values.append(data)
            assert len(values) == 3 * count + 1
            mean = sum(value.exp() for value in values) / len(values)
            gap = gap + (mean.log() - data) / STATES / config.subsample
    return td + config.cql_weight * gap, td, gap


@pytest.mark.parametrize('algorithm', ['cal_ql', 'cql'])
@pytest.mark.parametrize('backup', ['argmax', 'softmax'])
@pytest.mark.parametrize('head', ['mse', 'hl_gauss'])
def test_one_update_equals_the_literal_transcription(head, backup, algorithm):
    trainer = new_trainer(head, algorithm=algorithm, backup=backup, cql_weight=0.7, cql_actions=10)
    batch, current, following = new_batch(), new_particles(2), new_particles(3)
    literal = copy.deepcopy(trainer)
    loss, td, gap = literal_loss(
        literal, batch, current, following, torch.Generator().manual_seed(5)
    )
    loss.backward()
    before = [parameter.detach().clone() for parameter in trainer.critic.parameters()]
    metrics = trainer.update(batch, current, following, torch.Generator().manual_seed(5))
    assert metrics.loss == pytest.approx(loss.item(), rel=1e-5)
    assert metrics.td_loss == pytest.approx(td.item(), rel=1e-5)
    assert metrics.conservative_gap == pytest.approx(gap.item(), rel=1e-5, abs=1e-6)
    assert metrics.mean_return == -3.5
    pairs = zip(before, literal.critic.parameters(), trainer.critic.parameters(), strict=True)
    largest = max(parameter.grad.abs().max() for parameter in literal.critic.parameters())
    for old, expected, found in pairs:
        torch.testing.assert_close(found.grad, expected.grad, atol=1e-5 * largest, rtol=1e-4)
        step = 3e-4 * found.grad / (found.grad.abs() + 1e-8)  # Adam's first
        torch.testing.assert_close(found.detach(), old - step, atol=1e-6, rtol=0)


@pytest.mark.parametrize('weight', [0.0, 0.25, 1.0])
def test_return_weight_mixes_bootstrap_and_return(weight):
    batch, following = new_batch(), new_particles(3)
    trainer = new_trainer(backup='argmax', cql_weight=0.0, return_weight=weight)
    drawn = torch.randint(3, (2, 2), generator=torch.Generator().manual_seed(5))[0].tolist()
    with torch.no_grad():
        action = following.argmax().unsqueeze(1)
        bootstrap = (
            trainer.target(batch.next_observations, action, drawn).squeeze(-1).min(0).values
        )
        td_target = batch.rewards + batch.discounts * bootstrap
        target = (1.0 - weight) * td_target + weight * batch.returns
        values = trainer.critic(batch.observations, batch.actions.unsqueeze(1)).squeeze(-1)
        expected = (values - target).square().mean().item()
    metrics = trainer.update(batch, new_particles(2), following, torch.Generator().manual_seed(5))
    assert metrics.td_loss == pytest.approx(expected, rel=1e-5)


def test_without_weight_there_is_no_conservative_term():
    trainer = new_trainer(cql_weight=0.0)
    metrics = trainer.update(
        new_batch(), new_particles(2), new_particles(3), torch.Generator().manual_seed(5)
    )
    assert metrics.loss == metrics.td_loss
    assert metrics.conservative_gap == 0.0


def test_updates_depend_on_the_generator_alone():
    weights = []
    for seed in (5, 5, 6):
        trainer = new_trainer()
        torch.manual_seed(seed + len(weights))
        trainer.update(
            new_batch(), new_particles(2), new_particles(3), torch.Generator().manual_seed(seed)
        )
        weights.append(torch.cat([p.flatten() for p in trainer.critic.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_target_follows_at_its_rate():
    trainer = new_trainer(target_rate=0.005)
    old = [parameter.clone() for parameter in trainer.target.parameters()]
    trainer.update(
        new_batch(), new_particles(2), new_particles(3), torch.Generator().manual_seed(5)
    )
    rows = zip(old, trainer.target.parameters(), trainer.critic.parameters(), strict=True)
    for before, target, online in rows:
        torch.testing.assert_close(target, 0.995 * before + 0.005 * online.detach())
        assert not target.requires_grad


def test_a_new_trainer_starts_with_equal_critics():
    critic = CriticEnsemble(2, 3, CriticConfig(members=2, hidden=(4,)))
    trainer = CriticTrainer(critic, CriticTrainerConfig())
    for target, online in zip(trainer.target.parameters(), critic.parameters(), strict=True):
        assert torch.equal(target, online)
        assert target.data_ptr() != online.data_ptr()


def test_two_members_are_drawn_with_replacement_for_the_target():
    """Members say 0, -10 and -30: the minimum is so with probability 1/9, 3/9 and 5/9."""
    trainer = new_trainer(learning_rate=0.0, target_rate=0.0, cql_weight=0.0)
    for critic in (trainer.critic, trainer.target):
        for member, value in zip(critic.members, (0.0, -10.0, -30.0), strict=True):
            torch.nn.init.zeros_(member.head.weight)
            torch.nn.init.constant_(member.head.bias, value)
    one = torch.ones(1)
    nothing = torch.zeros(1, ACTION_DIM)
    states = one[:, None].repeat(1, 2)
    batch = Batch(one.long(), one.long(), states, states, nothing,
                  0 * one, one, 0 * one)  # fmt: skip
    particles = Particles(nothing[None], torch.zeros(1, 1))
    generator = torch.Generator().manual_seed(0)
    losses = [trainer.update(batch, particles, particles, generator).td_loss for _ in range(400)]
    # Mean squared errors of all members against targets of 0, -10, -30.
    rates = [losses.count(pytest.approx(loss)) / 400 for loss in (1000 / 3, 500 / 3, 1300 / 3)]
    assert rates == pytest.approx([1 / 9, 3 / 9, 5 / 9], abs=4 * 0.025)


def test_beginning_practice_forgets_its_moments():
    trainer = new_trainer()
    trainer.update(
        new_batch(), new_particles(2), new_particles(3), torch.Generator().manual_seed(5)
    )
    assert trainer.optimiser.state_dict()['state']
    trainer.begin_practice()
    assert not trainer.optimiser.state_dict()['state']
    assert trainer.optimiser.param_groups[0]['lr'] == 3e-4


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'backup': 'max'}, "backup is 'max', expected 'softmax', 'argmax' or 'policy'"),
        ({'subsample': 0}, 'subsample and cql_actions must be >= 1'),
        ({'cql_weight': -1.0}, 'cql_weight >= 0'),
        ({'expectile': 1.0}, r'expectile must lie in \(0, 1\): 1.0'),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        CriticTrainerConfig(**wrong)
