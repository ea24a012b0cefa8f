# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from parl_policy.policies.flow import FlowPolicy, FlowPolicyConfig
from parl_policy.policy import ActionSpec

ACTION = torch.tensor([0.6, -0.3])
MEAN, STD = 0.2, 0.1


class PointVelocity(torch.nn.Module):
    """The optimal velocity towards one known action: (action - x) / (1 - t)."""

    def encode(self, observations):
        return observations

    def forward(self, context, x, time):
        return (ACTION - x) / (1.0 - time)


class NormalVelocity(torch.nn.Module):
    """The optimal velocity towards N(mean, std²), E[action - noise | x]."""

    def __init__(self, mean, std):
        super().__init__()
        self.mean, self.std = mean, std

    def encode(self, observations):
        return observations

    def forward(self, context, x, time):
        covariance = time * self.std**2 - (1.0 - time)
        variance = (1.0 - time).square() + (time * self.std).square()
        return self.mean + covariance / variance * (x - time * self.mean)


@pytest.fixture
def policy():
    torch.manual_seed(0)
    return FlowPolicy(3, ActionSpec(horizon=1, dim=2), FlowPolicyConfig(hidden=8, blocks=1))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def with_steps(steps, velocity):
    policy = FlowPolicy(
        3, ActionSpec(horizon=1, dim=2), FlowPolicyConfig(hidden=8, blocks=1, steps=steps)
    )
    policy.network = policy.average = velocity
    return policy


@pytest.mark.parametrize('steps', [1, 3, 10])
def test_towards_a_point_any_number_of_euler_steps_is_exact(steps):
    policy = with_steps(steps, PointVelocity())
    context, targets = torch.zeros(5, 3), ACTION.expand(5, 4, 2)
    samples = policy.sample(context, 4, generator())
    torch.testing.assert_close(samples, targets, atol=1e-5, rtol=0)
    loss = policy.loss(context, targets, None, generator())
    torch.testing.assert_close(loss, torch.zeros(5), atol=1e-6, rtol=0)
    assert policy.loss(context, -targets, None, generator()).min() > 0.01


def test_towards_a_normal_distribution():
    policy = with_steps(200, NormalVelocity(MEAN, STD))
    samples = policy.sample(torch.zeros(1, 3), 10_000, generator())[0]
    assert samples.mean().item() == pytest.approx(MEAN, abs=0.004)
    assert samples.std().item() == pytest.approx(STD, abs=0.003)


@pytest.mark.parametrize('std', [0.5, 1.0])
def test_the_least_loss_towards_a_normal_distribution(std):
    """Var[action - noise | x(t)] = std² / ((1 - t)² + t² std²); over t it is std · pi / 2."""
    policy = with_steps(1, NormalVelocity(MEAN, std))
    targets = MEAN + std * torch.randn(50_000, 1, 2, generator=generator(1))
    loss = policy.loss(torch.zeros(50_000, 3), targets, None, generator()).mean().item()
    assert loss == pytest.approx(2 * std * math.pi / 2.0, rel=0.02)  # two dimensions
    policy.network = NormalVelocity(MEAN + 0.1, std)
    worse = policy.loss(torch.zeros(50_000, 3), targets, None, generator()).mean().item()
    assert worse > loss


def test_one_euler_step_adds_velocity_by_hand(policy):
    """With a constant velocity (0.5, -0.25) a sample is its noise plus that, clipped."""
    policy.average.out.weight.data.zero_()
    policy.average.out.bias.data[:] = torch.tensor([0.5, -0.25])
    samples = policy.sample(torch.zeros(2, 3), 3, generator())
    noise = torch.randn(2, 3, 2, generator=generator())
    expected = (noise + torch.tensor([0.5, -0.25])).clamp(-1.0, 1.0)
    torch.testing.assert_close(samples, expected)


def test_samples_come_from_the_averaged_weights(policy):
    before = policy.sample(torch.ones(1, 3), 3, generator())
    policy.network.out.bias.data += 100.0
    assert torch.equal(policy.sample(torch.ones(1, 3), 3, generator()), before)
    policy.after_update()  # a five-hundredth of the way
    moved = policy.average.out.bias - policy.network.out.bias
    torch.testing.assert_close(moved, torch.full((2,), -99.8))


def test_no_mode_lets_dropout_reach_samples():
    torch.manual_seed(0)
    policy = FlowPolicy(3, ActionSpec(1, 2), FlowPolicyConfig(hidden=8, dropout=0.9))
    for mode in (policy.train, policy.eval, policy.train):
        mode()
        first, second = (policy.sample(torch.ones(1, 3), 3, generator()) for _ in range(2))
        assert torch.equal(first, second)


def test_the_default_takes_ten_steps():
    assert FlowPolicyConfig().steps == 10
    with pytest.raises(ValueError, match='steps'):
        FlowPolicyConfig(steps=0)
