# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from parl_policy.policies.gaussian import GaussianPolicy, GaussianPolicyConfig, MAX_ABS_ACTION
from parl_policy.policy import ActionSpec

SPEC = ActionSpec(horizon=1, dim=2, binary=(1,))


@pytest.fixture
def policy():
    torch.manual_seed(0)
    return GaussianPolicy(3, SPEC, GaussianPolicyConfig(hidden=(16,), log_std=(-5.0, 2.0)))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def context(mean, std, dim=1):
    """(1, 2 · dim) whose `mean_and_std` are these, for log_std in -5 … 2."""
    raw = math.atanh((math.log(std) + 5.0) / 3.5 - 1.0)
    return torch.tensor([[mean] * dim + [raw] * dim])


def continuous():
    return GaussianPolicy(3, ActionSpec(1, 1), GaussianPolicyConfig(hidden=(4,)))


def test_log_probabilities_by_hand():
    # Standard normal at u = 0 and u = 1: -0.9189385 - u²/2 - log(1 - tanh²u).
    actions = torch.tensor([[[0.0], [math.tanh(1.0)]]])
    log_prob = continuous().log_prob(context(0.0, 1.0), actions)
    torch.testing.assert_close(log_prob, torch.tensor([[-0.9189385, -0.5513769]]))
    # N(0.5, 0.2²) at tanh(0.7): -0.9189385 + 1.6094379 - 0.5 + 0.4545404.
    log_prob = continuous().log_prob(context(0.5, 0.2), torch.tensor([[[math.tanh(0.7)]]]))
    assert log_prob.item() == pytest.approx(0.6450398, abs=2e-5)


@pytest.mark.parametrize(('mean', 'std'), [(0.0, 1.0), (0.8, 0.3), (-1.5, 0.7)])
def test_densities_integrate_to_one(mean, std):
    edges = torch.linspace(-1.0, 1.0, 200_001, dtype=torch.float64)
    middles = ((edges[1:] + edges[:-1]) / 2.0).view(1, -1, 1)
    density = continuous().double().log_prob(context(mean, std).double(), middles).exp()
    assert density.mean().item() * 2.0 == pytest.approx(1.0, abs=1e-4)


def test_a_binary_entry_has_probabilities(policy):
    both = torch.tensor([[[0.3, 1.0], [0.3, -1.0]]])
    one = continuous().log_prob(context(0.5, 1.0), both[:1, :1, :1])
    log_prob = policy.log_prob(context(0.5, 1.0, dim=2), both)
    # Phi(0.5) = 0.6914625.
    expected = torch.tensor([[0.6914625, 0.3085375]]).log() + one
    torch.testing.assert_close(log_prob, expected, atol=1e-5, rtol=0)
    samples = policy.sample(context(0.5, 1.0, dim=2), 20_000, generator())[0, :, 1]
    assert (samples == 1.0).float().mean().item() == pytest.approx(0.6915, abs=0.013)  # 4 sigma


def test_actions_at_the_bounds_are_safe(policy):
    ends = torch.tensor([[[1.0, 1.0], [-1.0, -1.0], [0.99999999, 1.0], [5.0, 1.0]]])
    given = context(0.0, 1.0, dim=2).requires_grad_()
    log_prob = policy.log_prob(given, ends)
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert given.grad.isfinite().all()
    clipped = policy.log_prob(given, torch.tensor([[[MAX_ABS_ACTION, 1.0]]]))
    torch.testing.assert_close(log_prob[0, [0, 2, 3]], clipped[0].expand(3))


@pytest.mark.parametrize('raw', [-1e4, 1e4])
def test_the_spread_is_bounded_and_its_gradient_survives_inside(policy, raw):
    _, std = policy.mean_and_std(torch.full((1, 4), raw))
    torch.testing.assert_close(std, torch.full((1, 1, 2), math.exp(2.0 if raw > 0 else -5.0)))
    given = torch.full((1, 4), 2.0, requires_grad=True)
    policy.mean_and_std(given)[1].sum().backward()
    assert (given.grad[:, 2:] > 0.1).all()


def test_rsample_knows_the_log_probability_of_what_it_drew(policy):
    given = context(0.4, 0.5, dim=2)
    actions, log_prob = policy.rsample(given, 1000, generator())
    assert torch.equal(actions, policy.sample(given, 1000, generator()))
    assert set(actions[..., 1].unique().tolist()) == {-1.0, 1.0}
    torch.testing.assert_close(log_prob, policy.log_prob(given, actions), atol=1e-3, rtol=1e-4)
    raw = actions[0, :, 0].atanh()
    assert raw.mean().item() == pytest.approx(0.4, abs=4 * 0.5 / 1000**0.5)
    assert raw.std().item() == pytest.approx(0.5, abs=4 * 0.5 / 2000**0.5)


def test_rsample_is_exact_where_tanh_has_rounded_to_one(policy):
    given = context(20.0, 1.0, dim=2)
    actions, log_prob = policy.rsample(given, 100, generator())
    assert (actions == 1.0).all()
    assert log_prob.isfinite().all()
    # Near u = 20 the slope is 4 exp(-2u): log p is about log N(u) + 2u - log 4, so some 38.
    assert log_prob.mean().item() == pytest.approx(-1.4189 + 40.0 - 1.3863, abs=1.5)


def test_gradients_flow_through_samples(policy):
    """d tanh(mean + std z) = 1 - tanh², for binary entries too; times std z for the log-std."""
    mean = torch.tensor([[0.3, 0.3]], requires_grad=True)
    raw = context(0.3, 1.0, dim=2)[:, 2:]
    actions, _ = policy.rsample(torch.cat([mean, raw], 1), 500, generator())
    actions.sum().backward()
    drawn = 0.3 + torch.randn(1, 500, 2, generator=generator())
    torch.testing.assert_close(mean.grad, (1.0 - drawn.tanh().square()).sum(1))


def test_the_loss_is_the_negative_log_likelihood(policy):
    targets = torch.tensor([[[0.2, 1.0], [-0.6, -1.0]]])
    given = context(0.1, 0.8, dim=2)
    loss = policy.loss(given, targets, None, generator())
    torch.testing.assert_close(loss, -policy.log_prob(given, targets).mean(1))


def test_the_best_fit_is_mean_and_spread_of_the_data():
    """Maximum likelihood of atanh-normal data: its own mean and standard deviation."""
    torch.manual_seed(0)
    policy = continuous()
    raw = 0.5 + 0.3 * torch.randn(500, 1, 1, generator=generator())
    given = torch.zeros(1, 2, requires_grad=True)
    optimiser = torch.optim.Adam([given], lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        policy.loss(given.expand(500, 2), raw.tanh(), None, generator()).mean().backward()
        optimiser.step()
    mean, std = policy.mean_and_std(given.detach())
    assert mean.item() == pytest.approx(raw.mean().item(), abs=1e-2)
    assert std.item() == pytest.approx(raw.std().item(), abs=1e-2)


@pytest.mark.parametrize('wrong', [{'hidden': ()}, {'hidden': (8, 0)}, {'log_std': (1.0, 1.0)}])
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GaussianPolicyConfig(**wrong)
