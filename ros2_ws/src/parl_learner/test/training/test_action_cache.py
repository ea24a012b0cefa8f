# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
import torch

from parl_learner.training.action_cache import ActionCache
from parl_policy.acting.action_optimisation import (
    ActionOptimisationConfig,
    climb,
    keep_best,
    optimise_actions,
)
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.policies.diffusion import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.policy import ActionSpec

SPEC = ActionSpec(horizon=1, dim=3, binary=(2,))
CONFIG = ActionOptimisationConfig(samples=6, particles=3, gradient_steps=4, step_size=0.05)
ROWS = 300
"""More than the cache handles at once."""


@pytest.fixture
def observations():
    return torch.randn(ROWS, 4, generator=generator(7))


@pytest.fixture
def data_actions():
    actions = torch.rand(ROWS, 3, generator=generator(8)) * 2.0 - 1.0
    return SPEC.snap(actions)


@pytest.fixture
def policy():
    torch.manual_seed(0)
    return DiffusionPolicy(4, SPEC, DiffusionPolicyConfig(hidden=8, blocks=1))


@pytest.fixture
def critic():
    torch.manual_seed(1)
    critic = CriticEnsemble(4, 3, CriticConfig(members=2, hidden=(8,), head='mse'))
    for member in critic.members:
        torch.nn.init.normal_(member.head.weight)
    return critic


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def value_of(critic, observations):
    return lambda actions: critic(observations, actions).mean(0)


@pytest.fixture
def cache(policy, critic, observations, data_actions):
    cache = ActionCache(CONFIG, SPEC)
    cache.sample_all(policy, observations, generator())
    cache.optimise_all(critic, observations, data_actions, torch.Generator())
    return cache


def candidates(cache):
    return cache.state_dict()['candidates']


def test_particles_equal_a_direct_computation(cache, critic, observations):
    rows = torch.tensor([299, 0, 255, 256, 0])
    q_function = value_of(critic, observations[rows])
    expected = optimise_actions(
        q_function, candidates(cache)[rows], CONFIG, SPEC.kinds(), torch.Generator()
    )
    found = cache.particles(rows)
    assert found.actions.shape == (5, 3, 3)
    torch.testing.assert_close(found.actions, expected.actions)
    torch.testing.assert_close(found.values, expected.values)
    assert not found.actions.requires_grad


def test_candidates_are_the_policys_samples(cache, policy, observations):
    assert candidates(cache).shape == (ROWS, 6, 3)
    first = policy.sample(policy.encode(observations[:256]), 6, generator())
    torch.testing.assert_close(candidates(cache)[:256], first)


def test_the_data_action_takes_the_place_of_the_worst_ranked(
    cache, critic, observations, data_actions
):
    rows = torch.arange(ROWS)
    q_function = value_of(critic, observations)
    best = keep_best(q_function, candidates(cache), 3)
    start = torch.stack([best.actions[:, 0], best.actions[:, 1], data_actions], dim=1)
    expected = climb(q_function, start, CONFIG, SPEC.kinds().movable)
    found = cache.distillation_particles(rows)
    torch.testing.assert_close(found.actions, expected.actions)
    torch.testing.assert_close(found.values, expected.values)
    climbed = found.actions[:, 2]
    assert not torch.allclose(climbed, data_actions), 'it climbs too'
    assert torch.equal(climbed[:, 2], data_actions[:, 2]), 'its gripper does not'
    assert (found.values[:, 2] >= q_function(data_actions.unsqueeze(1))[:, 0] - 1e-6).all()


def test_backups_never_see_the_data_action(cache, critic, observations, policy):
    rows = torch.arange(ROWS)
    before = cache.particles(rows)
    cache.optimise_all(critic, observations, torch.zeros(ROWS, 3), torch.Generator())
    torch.testing.assert_close(cache.particles(rows).actions, before.actions)


def test_new_rows_are_sampled_and_old_ones_kept(cache, policy, observations):
    old = candidates(cache).clone()
    more = torch.cat([observations, torch.randn(2, 4, generator=generator(9))])
    cache.sample_next(policy, more, generator(3))
    assert len(candidates(cache)) == ROWS + 2
    assert torch.equal(candidates(cache)[:ROWS], old)
    expected = policy.sample(policy.encode(more[ROWS:]), 6, generator(3))
    torch.testing.assert_close(candidates(cache)[ROWS:], expected)
    cache.sample_next(policy, more, generator(4))
    torch.testing.assert_close(candidates(cache)[ROWS:], expected)


def test_sampling_all_replaces_every_row(cache, policy, observations):
    old = candidates(cache).clone()
    cache.sample_all(policy, observations, generator(3))
    assert len(candidates(cache)) == ROWS
    assert not (candidates(cache) == old).flatten(1).all(1).any()


def test_only_the_rows_asked_for_are_optimised_anew(cache, critic, observations, data_actions):
    before = cache.particles(torch.arange(ROWS))
    for parameter in critic.parameters():
        parameter.data *= -1.3
    cache.optimise(critic, observations, data_actions, torch.tensor([4, 280]), torch.Generator())
    after = cache.particles(torch.arange(ROWS))
    changed = (before.values != after.values).any(1)
    assert torch.nonzero(changed).squeeze(1).tolist() == [4, 280]
    expected = optimise_actions(
        value_of(critic, observations[[4, 280]]),
        candidates(cache)[[4, 280]],
        CONFIG,
        SPEC.kinds(),
        torch.Generator(),
    )
    torch.testing.assert_close(after.actions[[4, 280]], expected.actions)


def test_without_data_actions_only_the_backups_particles_change(
    cache, critic, observations, data_actions
):
    rows = torch.arange(ROWS)
    before = cache.distillation_particles(rows)
    for parameter in critic.parameters():
        parameter.data *= -1.3
    cache.optimise(critic, observations, None, rows, torch.Generator())
    after = cache.distillation_particles(rows)
    assert torch.equal(after.actions[:, -1], before.actions[:, -1])
    assert torch.equal(after.values[:, -1], before.values[:, -1])
    changed = cache.particles(rows)
    cache.optimise(critic, observations, data_actions, rows, torch.Generator())
    torch.testing.assert_close(changed.actions, cache.particles(rows).actions)
    torch.testing.assert_close(changed.values, cache.particles(rows).values)


def test_fewer_candidates_are_taken_evenly_and_later_rows_have_as_many(
    cache, policy, critic, observations, data_actions
):
    """Of six the first, third and fifth: of an edited policy, unedited and edited ones."""
    old = candidates(cache).clone()
    fewer = dataclasses.replace(CONFIG, samples=3)
    cache.reduce_samples(fewer)
    assert torch.equal(candidates(cache), old[:, [0, 2, 4]])
    more = torch.cat([observations, torch.randn(2, 4, generator=generator(9))])
    cache.sample_next(policy, more, generator(3))
    expected = policy.sample(policy.encode(more[ROWS:]), 3, generator(3))
    torch.testing.assert_close(candidates(cache)[ROWS:], expected)
    cache.optimise_all(critic, more, torch.cat([data_actions, data_actions[:2]]), generator())
    rows = torch.arange(ROWS)
    best = keep_best(value_of(critic, observations), old[:, [0, 2, 4]], 3)
    climbed = climb(value_of(critic, observations), best.actions, fewer, SPEC.kinds().movable)
    torch.testing.assert_close(cache.particles(rows).actions, climbed.actions)


def test_the_state_dict_is_everything(cache):
    other = ActionCache(CONFIG, SPEC)
    other.load_state_dict({name: value.clone() for name, value in cache.state_dict().items()})
    rows = torch.tensor([0, 17])
    assert torch.equal(other.particles(rows).actions, cache.particles(rows).actions)
    assert torch.equal(other.particles(rows).values, cache.particles(rows).values)
    assert torch.equal(candidates(other), candidates(cache))
