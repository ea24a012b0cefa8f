# SPDX-License-Identifier: Apache-2.0
"""One update against a literal transcription, a state, an action and a member at a time."""

import copy
import math

import numpy as np
import pytest
import torch

from parl_learner.replay.replay import Batch
from parl_learner.training.critic_trainer import CriticTrainer
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_policy.acting.action_optimisation import Particles
from parl_policy.critics.critic import CriticConfig, CriticEnsemble

STATES, ACTION_DIM, PARTICLES = 4, 3, 5


def new_trainer(head='mse', members=3, **settings):
    torch.manual_seed(0)
    config = CriticConfig(members=members, hidden=(8, 8), head=head, bins=9, support=(-12.0, 0.0))
    critic = CriticEnsemble(2, ACTION_DIM, config)
    critic.fit_normalisation(torch.randn(30, 2) * 2.0)
    for parameter in critic.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    trainer = CriticTrainer(critic, CriticTrainerConfig(**settings))
    for parameter in trainer.target.parameters():  # as after some time
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return trainer


def new_batch():
    draws = torch.Generator().manual_seed(1)
    rewards = torch.tensor([-1.0, 0.0, -1.0, -1.0])
    return Batch(
        rows=torch.arange(STATES),
        next_rows=torch.arange(STATES) + 1,
        observations=torch.randn(STATES, 2, generator=draws),
        next_observations=torch.randn(STATES, 2, generator=draws),
        actions=torch.rand(STATES, ACTION_DIM, generator=draws) * 2.0 - 1.0,
        rewards=rewards,
        discounts=torch.where(rewards < 0.0, 0.9, 0.0),
        returns=torch.tensor([-1.0, 0.0, -10.0, -3.0]),
    )


def new_particles(seed):
    draws = torch.Generator().manual_seed(seed)
    actions = torch.rand(STATES, PARTICLES, ACTION_DIM, generator=draws) * 2.0 - 1.0
    return Particles(actions, torch.randn(STATES, PARTICLES, generator=draws))


def raw(critic, member, state, action):
    normalised = critic.normaliser(state[None])
    return critic.members[member](normalised, action[None, None])[0, 0]


def q_value(critic, member, state, action):
    outputs = raw(critic, member, state, action)
    if critic.config.head == 'mse':
        return outputs[0]
    probabilities = outputs.exp() / outputs.exp().sum()
    centres = [-12.0 + (i + 0.5) * 12.0 / 9.0 for i in range(9)]
    return sum(p * centre for p, centre in zip(probabilities, centres, strict=True))


def td_loss(critic, member, state, action, target):
    outputs = raw(critic, member, state, action)
    if critic.config.head == 'mse':
        return (outputs[0] - target) ** 2
    width = 12.0 / 9.0
    target = min(max(target, -12.0), 0.0)

    def phi(edge):
        return 0.5 * (1.0 + math.erf((edge - target) / (0.75 * width) / math.sqrt(2.0)))

    mass = phi(0.0) - phi(-12.0)
    loss = 0.0
    for i in range(9):
        share = (phi(-12.0 + (i + 1) * width) - phi(-12.0 + i * width)) / mass
        loss = loss - share * (outputs[i] - outputs.exp().sum().log())
    return loss


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
    for _ in range(1500):
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
