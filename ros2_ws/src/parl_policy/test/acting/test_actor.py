# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math

import numpy as np
import pytest
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.policies.diffusion import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.policy import ActionSpec, ObservationError

SPEC = ActionSpec(horizon=1, dim=3, binary=(2,))
OBSERVATION = np.array([0.1, -0.2, 0.3, 0.4], np.float32)
OPTIMISATION = ActionOptimisationConfig(samples=8, particles=4, gradient_steps=3, step_size=0.01)


def new_actor(choice='argmax', has_critic=True):
    torch.manual_seed(0)
    policy = DiffusionPolicy(4, SPEC, DiffusionPolicyConfig(hidden=8, blocks=1))
    critic = CriticEnsemble(4, 3, CriticConfig(members=2, hidden=(16,), head='mse'))
    for member in critic.members:
        torch.nn.init.normal_(member.head.weight)
    return Actor(policy, critic if has_critic else None, OPTIMISATION, choice)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def value(actor, action):
    states = torch.tensor(OBSERVATION).unsqueeze(0)
    with torch.no_grad():
        return actor.critic(states, torch.tensor(action)[None, None]).mean().item()


@pytest.mark.parametrize('choice', ['argmax', 'softmax'])
def test_same_generator_state_same_decision(choice):
    actor = new_actor(choice)
    first = actor.act(OBSERVATION, generator(4))
    torch.rand(5)  # nothing else is drawn from
    second = actor.act(OBSERVATION, generator(4))
    np.testing.assert_array_equal(first.action, second.action)
    np.testing.assert_array_equal(first.candidates, second.candidates)
    other = actor.act(OBSERVATION, generator(5))
    assert not np.array_equal(first.candidates, other.candidates)


def test_argmax_takes_the_best_particle():
    actor = new_actor('argmax')
    decision = actor.act(OBSERVATION, generator())
    assert decision.candidates.shape == (4, 3)
    assert decision.values.shape == (4,)
    best = int(decision.values.argmax())
    np.testing.assert_array_equal(decision.action, decision.candidates[best])
    assert decision.mean_q == decision.values[best]
    assert decision.mean_q == pytest.approx(value(actor, decision.action), abs=1e-5)
    assert np.ptp(decision.values) > 1e-3


def test_what_is_there_for_practice_is_left_out_where_the_policy_acts_alone():
    torch.manual_seed(0)
    config = DiffusionPolicyConfig(hidden=8, blocks=1, least_std=0.5)
    policy = DiffusionPolicy(4, SPEC, config)
    context = policy.encode(torch.tensor(OBSERVATION).unsqueeze(0))
    exploited = policy.exploit(context, generator())[0].numpy()
    for has_critic, explores in ((False, False), (False, True), (True, False)):
        actor = dataclasses.replace(
            new_actor(has_critic=has_critic), policy=policy, explores=explores
        )
        action = actor.act(OBSERVATION, generator()).action
        assert np.array_equal(action, exploited) == (not has_critic and not explores)


def test_the_gripper_is_left_open_or_closed_by_the_gradient():
    decision = new_actor().act(OBSERVATION, generator())
    assert set(np.abs(decision.candidates[:, 2])) == {1.0}


def test_softmax_draws_particles_in_proportion_to_exp_q():
    actor = new_actor('softmax')
    first = actor.act(OBSERVATION, generator(1))
    expected = np.exp(first.values) / np.exp(first.values).sum()
    counts = np.zeros(4)
    for seed in range(400):  # always the same proposals, so that only the choice varies
        fixed = Actor(FixedSamples(actor.policy, seed), actor.critic, OPTIMISATION, 'softmax')
        decision = fixed.act(OBSERVATION, generator(1))
        (index,) = np.flatnonzero((decision.candidates == decision.action).all(1))
        counts[index] += 1
        assert decision.mean_q == decision.values[index]
    np.testing.assert_allclose(counts / 400, expected, atol=4 * 0.5 / 20)
    assert np.ptp(expected) > 0.2


class FixedSamples:
    """A policy that leaves the generator in a state of one's choice."""

    def __init__(self, policy, seed):
        self.action_spec = policy.action_spec
        self.encode = policy.encode
        self._policy, self._seed = policy, seed

    def sample(self, context, count, draws):
        samples = self._policy.sample(context, count, draws)
        draws.manual_seed(self._seed)
        return samples


def test_without_critic_it_acts_as_the_policy_samples():
    actor = new_actor(has_critic=False)
    decision = actor.act(OBSERVATION, generator(3))
    states = torch.tensor(OBSERVATION).unsqueeze(0)
    expected = actor.policy.sample(actor.policy.encode(states), 1, generator(3))
    np.testing.assert_array_equal(decision.action, expected[0, 0].numpy())
    assert decision.candidates.shape == (1, 3)
    assert np.isnan(decision.values).all()
    assert math.isnan(decision.mean_q)


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_observations_that_are_not_finite_are_refused(bad):
    observation = OBSERVATION.copy()
    observation[2] = bad
    with pytest.raises(ObservationError, match='observation is not finite'):
        new_actor().act(observation, generator())
