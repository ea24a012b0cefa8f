# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.policies.diffusion import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.policy import ActionSpec

ALPHA_BARS = torch.tensor([0.8987, 0.6475, 0.3408, 0.0940, 9.4e-5])
ACTION = torch.tensor([0.6, -0.3])


class PerfectNoise(torch.nn.Module):
    """Predicts exactly the noise that leads from one known action to the noisy one."""

    def __init__(self, alpha_bars):
        super().__init__()
        self.alpha_bars = alpha_bars

    def encode(self, observations):
        return observations

    def forward(self, context, noisy, step):
        alpha_bar = self.alpha_bars[step.long()]
        return (noisy - alpha_bar.sqrt() * ACTION) / (1.0 - alpha_bar).sqrt()


@pytest.fixture
def policy():
    torch.manual_seed(0)
    config = DiffusionPolicyConfig(hidden=8, blocks=1, ema_rate=0.25, dropout=0.0)
    return DiffusionPolicy(3, ActionSpec(horizon=1, dim=2), config)


def test_the_schedule_is_the_cosine_of_five_steps(policy):
    torch.testing.assert_close(policy.alpha_bars, ALPHA_BARS, atol=5e-5, rtol=0)
    assert DiffusionPolicyConfig().steps == 5


def test_with_perfect_noise_the_loss_is_zero_and_sampling_is_exact(policy):
    policy.network = policy.average = PerfectNoise(policy.alpha_bars)
    generator = torch.Generator().manual_seed(0)
    context, targets = torch.zeros(50, 3), ACTION.expand(50, 4, 2)
    loss = policy.loss(context, targets, None, generator)
    torch.testing.assert_close(loss, torch.zeros(50), atol=1e-8, rtol=0)
    assert policy.loss(context, -targets, None, generator).min() > 0.01
    samples = policy.sample(context, 4, generator)
    torch.testing.assert_close(samples, targets, atol=1e-5, rtol=0)


def test_an_evaluation_is_a_sample_without_the_least_std(policy):
    states = torch.randn(20, 3)
    drawn = []
    for least_std in (0.0, 0.5):
        config = DiffusionPolicyConfig(hidden=8, blocks=1, least_std=least_std)
        other = DiffusionPolicy(3, ActionSpec(horizon=1, dim=2), config)
        other.load_state_dict(policy.state_dict())
        context, draws = other.encode(states), torch.Generator()
        drawn.append(other.sample(context, 1, draws.manual_seed(1)).squeeze(1))
        drawn.append(other.exploit(context, draws.manual_seed(1)))
    sample, exploited, wide_sample, wide_exploited = drawn
    assert torch.equal(exploited, sample)
    assert torch.equal(wide_exploited, sample)
    assert not torch.allclose(wide_sample, sample, atol=0.1)


def test_the_loss_sums_over_action_dimensions(policy):
    policy.network.out.weight.data.zero_()
    policy.network.out.bias.data.zero_()
    # Nothing predicted: the squared norm of two standard normals has mean 2 and variance 4.
    generator = torch.Generator().manual_seed(0)
    loss = policy.loss(torch.zeros(10_000, 3), torch.zeros(10_000, 1, 2), None, generator)
    assert loss.mean().item() == pytest.approx(2.0, abs=4 * 2.0 / 100)


def test_the_last_step_adds_no_noise(policy):
    """Without predicted noise, x0 = x1 / sqrt(1 - 0.1013), as far as it is not clipped."""
    policy.average.out.weight.data.zero_()
    policy.average.out.bias.data.zero_()
    generator = torch.Generator().manual_seed(0)
    samples = policy.sample(torch.zeros(1, 3), 20_000, generator)[0]
    # x1 = clip(x2 / sqrt(1 - 0.2795) + sqrt(0.2795) z) spreads beyond +-0.948 often: those end at
    # +-1, and nothing that came from inside does.
    clipped = (samples.abs() == 1.0).float().mean().item()
    generator.manual_seed(0)
    x = torch.randn(1, 20_000, 2, generator=generator)
    for beta in (0.999, 0.72414, 0.47358, 0.27952):
        x = x / (1.0 - beta) ** 0.5 + beta**0.5 * torch.randn(x.shape, generator=generator)
        x = x.clamp(-1.0, 1.0)
    assert clipped == pytest.approx((x.abs() > (1.0 - 0.10127) ** 0.5).float().mean(), abs=1e-3)
    torch.testing.assert_close(samples, (x[0] / 0.89873**0.5).clamp(-1, 1), atol=2e-3, rtol=0)


def test_samples_come_from_the_averaged_weights(policy):
    def samples():
        return policy.sample(torch.ones(1, 3), 3, torch.Generator().manual_seed(1))

    before = samples()
    average = policy.average.out.bias.clone()
    policy.network.out.bias.data += 0.4
    assert torch.equal(samples(), before)
    policy.after_update()
    torch.testing.assert_close(policy.average.out.bias, average + 0.1)  # a quarter of the way
    assert not torch.equal(samples(), before)


def test_dropout_never_reaches_samples():
    torch.manual_seed(0)
    policy = DiffusionPolicy(
        3, ActionSpec(horizon=1, dim=2), DiffusionPolicyConfig(hidden=8, dropout=0.9)
    )
    first, second = (
        policy.sample(torch.ones(1, 3), 3, torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    'wrong', [{'steps': 0}, {'hidden': 0}, {'ema_rate': 0.0}, {'dropout': 1.0}]
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DiffusionPolicyConfig(**wrong)


def test_samples_with_gradients_are_the_samples_of_the_trained_weights(policy):
    """A new policy's average equals its weights, so both draw the same."""
    context = torch.randn(4, 3)
    expected = policy.sample(context, 2, torch.Generator().manual_seed(1))
    found, log_probs = policy.rsample(context, 2, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found.detach(), expected)
    assert log_probs is None
    found.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in policy.network.parameters())


def test_climbing_through_the_denoising_moves_the_samples(policy):
    context = torch.zeros(64, 3)
    optimiser = torch.optim.Adam(policy.trainable_parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(60):
        actions, _ = policy.rsample(context, 1, generator)
        loss = (actions - ACTION).square().sum(-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
