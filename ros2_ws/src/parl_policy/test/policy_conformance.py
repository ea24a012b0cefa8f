# SPDX-License-Identifier: Apache-2.0
"""What every policy class must do, as a class of tests; each kind of observation has its own.

A module of tests subclasses it, and has the fixtures `spec`, `config` (an `ActorConfig`).
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from parl_policy.acting.actor_file import load_actor, version_to_bytes
from parl_policy.policy import Policy, ReparameterisedPolicy

OBSERVATION_DIM = 4


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbers(count, seed=1):
    return torch.randn(count, OBSERVATION_DIM, generator=generator(seed))


def sample(policy, observations, count, seed=0):
    with torch.no_grad():
        context = policy.encode(observations)
    return policy.sample(context, count, generator(seed))


def loss(policy, observations, targets, weights=None):
    return policy.loss(policy.encode(observations), targets, weights, generator())


def train(policy, observations, targets, steps, rate=3e-3):
    optimiser = torch.optim.Adam(policy.trainable_parameters(), lr=rate)
    draws, losses = generator(3), []
    for _ in range(steps):
        value = policy.loss(policy.encode(observations), targets, None, draws).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        policy.after_update()
        losses.append(value.item())
    return losses


@dataclass(frozen=True)
class Lesson:
    rows: int
    steps: int
    rate: float


class PolicyConformance:
    """The tests; what differs between kinds of observations stands first."""

    step = torch.tensor([0.5, -0.4, 1.0])
    """One control step of the action that is taught."""
    lesson = Lesson(rows=32, steps=150, rate=3e-3)
    """Enough to learn it."""

    def states(self, count, seed=1):
        """Observations of so many states."""
        return numbers(count, seed)

    def altered(self, observations, row):
        """The same observations, but for one state."""
        changed = observations.clone()
        changed[row] += 2.0
        return changed

    def observation(self):
        """The state of `states(1)` as an actor gets it."""
        return numbers(1)[0].numpy()

    def parameters(self, policy):
        """All weights of a policy."""
        return policy.parameters()

    def imitated(self, policy):
        """The part of a policy that learns from targets: edits learn from Q alone."""
        return getattr(policy, 'base', policy)

    @pytest.fixture
    def new_policy(self, config):
        def make(seed=0):
            torch.manual_seed(seed)
            policy = config.make_policy()
            policy.fit_normalisation(numbers(50))
            return policy

        return make

    def test_it_is_a_policy(self, new_policy, spec):
        assert isinstance(new_policy(), Policy)
        assert new_policy().action_spec == spec

    def test_samples_are_distinct_actions_in_bounds(self, new_policy, spec):
        samples = sample(new_policy(), self.states(3), 8)
        assert samples.shape == (3, 8, spec.flat_dim)
        assert samples.dtype == torch.float32
        assert not samples.requires_grad
        assert samples.abs().max() <= 1.0
        for drawn in samples:
            assert len(drawn.unique(dim=0)) == 8

    def test_binary_entries_are_snapped(self, new_policy, spec):
        samples = sample(new_policy(), self.states(3), 32)
        binary = spec.is_binary()
        assert set(samples[..., binary].unique().tolist()) == {-1.0, 1.0}
        assert (samples[..., ~binary].abs() < 1.0).any()

    def test_same_generator_state_same_samples(self, new_policy):
        policy = new_policy()
        assert torch.equal(
            sample(policy, self.states(2), 4, seed=5), sample(policy, self.states(2), 4, seed=5)
        )
        assert not torch.equal(
            sample(policy, self.states(2), 4, seed=5), sample(policy, self.states(2), 4, seed=6)
        )

    def test_the_generator_is_the_only_randomness(self, new_policy, spec):
        policy, targets = new_policy(), torch.full((3, 2, spec.flat_dim), 0.5)
        before, draws = torch.get_rng_state(), generator()
        context = policy.encode(self.states(3))
        policy.sample(context, 4, draws)
        first = policy.loss(context, targets, None, generator())
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(77)
        context = policy.encode(self.states(3))
        assert torch.equal(policy.loss(context, targets, None, generator()), first)

    def test_successive_samples_differ(self, new_policy):
        policy, draws = new_policy(), generator()
        first, second = (policy.sample(policy.encode(self.states(2)), 4, draws) for _ in range(2))
        assert not torch.equal(first, second)

    def test_states_of_a_batch_do_not_touch_each_other(self, new_policy, spec):
        policy, observations = new_policy(), self.states(4)
        changed = self.altered(observations[torch.tensor([0, 2, 1, 3])], 3)
        before, after = sample(policy, observations, 4), sample(policy, changed, 4)
        torch.testing.assert_close(before[0], after[0])
        assert not torch.allclose(before[3], after[3])
        targets = torch.full((4, 2, spec.flat_dim), 0.5)
        before, after = loss(policy, observations, targets), loss(policy, changed, targets)
        assert before.shape == (4,)
        torch.testing.assert_close(before[0], after[0])
        assert not torch.allclose(before[3], after[3])

    def test_equal_states_get_independent_samples(self, new_policy, spec):
        samples = sample(new_policy(), self.states(1)[torch.tensor([0, 0])], 4)
        assert not torch.isclose(samples[0], samples[1])[:, ~spec.is_binary()].all()

    def test_weights_weigh_the_targets_of_a_state(self, new_policy, spec):
        policy, observations = new_policy(), self.states(2)
        targets = torch.rand(2, 3, spec.flat_dim, generator=generator(8)) * 2.0 - 1.0
        each = torch.stack(
            [loss(policy, observations, targets, torch.eye(3)[[i, i]]) for i in range(3)], dim=1
        )
        weights = torch.tensor([[0.2, 0.3, 0.5], [2.0, 0.0, 1.0]])
        torch.testing.assert_close(
            loss(policy, observations, targets, weights), (weights * each).sum(1)
        )
        torch.testing.assert_close(loss(policy, observations, targets), each.mean(1))
        assert each.std() > 1e-3

    def test_training_falls_to_the_target_and_samples_move_to_it(self, new_policy, spec):
        policy = new_policy()
        rows = self.lesson.rows
        observations = self.states(1)[torch.zeros(rows, dtype=torch.long)]
        target = (
            self.step.repeat(spec.horizon)
            * torch.tensor([1.0, -1.0, 0.3]).repeat_interleave(spec.dim)[: spec.flat_dim]
        )
        targets = spec.snap(target).expand(rows, 1, -1)
        before = (sample(policy, observations[:1], 64) - targets[0]).abs().mean()
        losses = train(policy, observations, targets, self.lesson.steps, self.lesson.rate)
        samples = sample(policy, observations[:1], 64)
        assert sum(losses[-20:]) < 0.5 * sum(losses[:20])
        assert (samples - targets[0]).abs().mean() < min(0.25, 0.5 * before)
        binary = spec.is_binary()
        assert (samples[0][:, binary] == targets[0, :, binary]).float().mean() > 0.98

    def test_a_saved_version_samples_the_same(self, config, new_policy, spec, tmp_path):
        policy = new_policy()
        train(policy, self.states(8), torch.zeros(8, 1, spec.flat_dim), 5)
        path = tmp_path / 'policy.safetensors'
        path.write_bytes(version_to_bytes(config, policy, 'policy', 7))
        torch.manual_seed(5)
        actor, loaded_config, version = load_actor(path, None)
        assert (loaded_config.policy_class, version) == (config.policy_class, 7)
        assert torch.equal(
            sample(policy, self.states(2), 4), sample(actor.policy, self.states(2), 4)
        )
        decision = actor.act(self.observation(), generator(2))
        assert decision.action.shape == (spec.flat_dim,)
        expected = sample(policy, self.states(1), 1, seed=2)[0, 0].numpy()
        np.testing.assert_array_equal(decision.action, expected)

    def test_all_that_samples_and_trains_is_in_the_state_dict(self, new_policy, spec):
        policy, other = new_policy(), new_policy(seed=9)
        train(policy, self.states(8), torch.zeros(8, 1, spec.flat_dim), 5)
        other.fit_normalisation(numbers(50, seed=4) * 3.0)
        assert not torch.equal(sample(policy, self.states(2), 4), sample(other, self.states(2), 4))
        other.load_state_dict({name: value.clone() for name, value in policy.state_dict().items()})
        assert torch.equal(sample(policy, self.states(2), 4), sample(other, self.states(2), 4))
        targets = torch.zeros(2, 1, spec.flat_dim)
        assert torch.equal(
            loss(policy, self.states(2), targets), loss(other, self.states(2), targets)
        )

    def test_gradients_reach_all_trainable_parameters_and_no_others(self, new_policy, spec):
        policy = new_policy()
        imitated = self.imitated(policy)
        trainable = {id(parameter): parameter for parameter in imitated.trainable_parameters()}
        train(policy, self.states(16), torch.zeros(16, 2, spec.flat_dim), 1)  # adapters begin at 0
        for parameter in trainable.values():
            parameter.grad = None
        loss(policy, self.states(16), torch.zeros(16, 2, spec.flat_dim)).sum().backward()
        assert trainable
        for parameter in trainable.values():
            assert parameter.grad is not None
            assert parameter.grad.any()
        others = [
            parameter for parameter in self.parameters(imitated) if id(parameter) not in trainable
        ]
        assert all(parameter.grad is None for parameter in others)

    def test_samples_with_gradients(self, new_policy, spec):
        policy = new_policy()
        if not isinstance(policy, ReparameterisedPolicy):
            pytest.skip('this class makes no samples with gradients')
        actions, log_probs = policy.rsample(policy.encode(self.states(3)), 4, generator())
        assert actions.shape == (3, 4, spec.flat_dim)
        assert actions.abs().max() <= 1.0
        assert log_probs is None or log_probs.shape == (3, 4)
        actions.sum().backward()
        gradients = [parameter.grad for parameter in policy.trainable_parameters()]
        assert any(gradient is not None and gradient.any() for gradient in gradients)
