# SPDX-License-Identifier: Apache-2.0
"""What every policy class must do; a new class joins by a line in POLICIES."""

import pytest
import torch

from parl_policy.config_file import from_mapping
from parl_policy.policy import ActionSpec, Policy
from parl_policy.policy_classes import POLICY_CLASSES

POLICIES = {
    'diffusion': {'hidden': 32, 'blocks': 1, 'ema_rate': 0.05},
}
"""Small configurations that learn one action in 300 updates at learning rate 1e-3."""

OBSERVATION_DIM = 4
SPEC = ActionSpec(horizon=2, dim=3, binary=(2,))
BINARY = torch.tensor([False, False, True, False, False, True])


@pytest.fixture(params=sorted(POLICIES))
def new_policy(request):
    policy_class, config_class = POLICY_CLASSES[request.param]

    def make(seed=0):
        torch.manual_seed(seed)
        config = from_mapping(config_class, POLICIES[request.param], request.param)
        policy = policy_class(OBSERVATION_DIM, SPEC, config)
        policy.fit_normalisation(states(50))
        return policy

    return make


def states(count, seed=1):
    return torch.randn(count, OBSERVATION_DIM, generator=generator(seed))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sample(policy, observations, count, seed=0):
    with torch.no_grad():
        context = policy.encode(observations)
    return policy.sample(context, count, generator(seed))


def loss(policy, observations, targets, weights=None, seed=0):
    torch.manual_seed(seed)  # dropout
    return policy.loss(policy.encode(observations), targets, weights, generator(seed))


def train(policy, observations, targets, steps):
    optimiser = torch.optim.Adam(policy.trainable_parameters(), lr=1e-3)
    draws, losses = generator(3), []
    for _ in range(steps):
        value = policy.loss(policy.encode(observations), targets, None, draws).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        policy.after_update()
        losses.append(value.item())
    return losses


def test_every_class_is_tested():
    assert set(POLICIES) == set(POLICY_CLASSES)


def test_it_is_a_policy(new_policy):
    assert isinstance(new_policy(), Policy)
    assert new_policy().action_spec == SPEC


def test_samples_are_distinct_actions_in_bounds(new_policy):
    samples = sample(new_policy(), states(3), 8)
    assert samples.shape == (3, 8, 6)
    assert samples.dtype == torch.float32
    assert not samples.requires_grad
    assert samples.abs().max() <= 1.0
    for drawn in samples:
        assert len(drawn.unique(dim=0)) == 8


def test_binary_entries_are_snapped(new_policy):
    samples = sample(new_policy(), states(3), 32)
    assert set(samples[..., BINARY].unique().tolist()) == {-1.0, 1.0}
    assert (samples[..., ~BINARY].abs() < 1.0).any()


def test_same_generator_state_same_samples(new_policy):
    policy = new_policy()
    assert torch.equal(sample(policy, states(2), 4, seed=5), sample(policy, states(2), 4, seed=5))
    assert not torch.equal(
        sample(policy, states(2), 4, seed=5), sample(policy, states(2), 4, seed=6)
    )


def test_states_of_a_batch_do_not_touch_each_other(new_policy):
    policy, observations = new_policy(), states(3)
    changed = observations.clone()
    changed[1] += 2.0
    before, after = sample(policy, observations, 4), sample(policy, changed, 4)
    torch.testing.assert_close(before[[0, 2]], after[[0, 2]])
    assert not torch.allclose(before[1], after[1])
    targets = torch.full((3, 2, 6), 0.5)
    before, after = loss(policy, observations, targets), loss(policy, changed, targets)
    assert before.shape == (3,)
    torch.testing.assert_close(before[[0, 2]], after[[0, 2]])
    assert not torch.allclose(before[1], after[1])


def test_equal_states_get_independent_samples(new_policy):
    samples = sample(new_policy(), states(1).repeat(2, 1), 4)
    assert not torch.isclose(samples[0], samples[1])[:, ~BINARY].all()


def test_weights_weigh_the_targets_of_a_state(new_policy):
    policy, observations = new_policy(), states(2)
    targets = torch.rand(2, 3, 6, generator=generator(8)) * 2.0 - 1.0
    each = torch.stack(
        [loss(policy, observations, targets, torch.eye(3)[[i, i]]) for i in range(3)], dim=1
    )
    weights = torch.tensor([[0.2, 0.3, 0.5], [2.0, 0.0, 1.0]])
    torch.testing.assert_close(
        loss(policy, observations, targets, weights), (weights * each).sum(1)
    )
    torch.testing.assert_close(loss(policy, observations, targets), each.mean(1))
    assert each.std() > 1e-3


def test_training_falls_to_the_target_and_samples_move_to_it(new_policy):
    policy = new_policy()
    observations, targets = states(1).repeat(64, 1), torch.empty(64, 1, 6)
    targets[:] = torch.tensor([0.5, -0.4, 1.0, 0.1, 0.7, -1.0])
    before = (sample(policy, observations[:1], 64) - targets[0]).abs().mean()
    losses = train(policy, observations, targets, 300)
    samples = sample(policy, observations[:1], 64)
    assert sum(losses[-20:]) < 0.5 * sum(losses[:20])
    assert (samples - targets[0]).abs().mean() < min(0.2, 0.5 * before)
    assert torch.equal(samples[0, :, BINARY].mean(0), torch.tensor([1.0, -1.0]))


def test_all_that_samples_is_in_the_state_dict(new_policy):
    policy, other = new_policy(), new_policy(seed=9)
    train(policy, states(8), torch.zeros(8, 1, 6), 5)
    other.fit_normalisation(states(50, seed=4) * 3.0)
    assert not torch.equal(sample(policy, states(2), 4), sample(other, states(2), 4))
    other.load_state_dict({name: value.clone() for name, value in policy.state_dict().items()})
    assert torch.equal(sample(policy, states(2), 4), sample(other, states(2), 4))
    targets = torch.zeros(2, 1, 6)
    assert torch.equal(loss(policy, states(2), targets), loss(other, states(2), targets))


def test_the_loss_reaches_every_trainable_parameter(new_policy):
    policy = new_policy()
    loss(policy, states(16), torch.zeros(16, 1, 6)).sum().backward()
    gradients = [parameter.grad for parameter in policy.trainable_parameters()]
    assert gradients
    assert all(gradient is not None and gradient.any() for gradient in gradients)


def test_action_spec_by_hand():
    assert SPEC.flat_dim == 6
    assert SPEC.is_binary().tolist() == BINARY.tolist()
    snapped = SPEC.snap(torch.tensor([0.3, -0.2, 0.01, 0.9, 0.0, -0.4]))
    assert snapped.tolist() == pytest.approx([0.3, -0.2, 1.0, 0.9, 0.0, -1.0])
