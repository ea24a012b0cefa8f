# SPDX-License-Identifier: Apache-2.0
import math

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest
import torch

from parl_policy.critics.critic import CriticConfig
from parl_policy.critics.value_head import HLGaussHead, ScalarHead

FOUR_BINS = HLGaussHead(-4.0, 0.0, outputs=4)
PAPER = HLGaussHead(-100.0, 0.0)


def close(found, expected, tolerance=1e-6):
    torch.testing.assert_close(found, torch.tensor(expected), atol=tolerance, rtol=0)


def test_bins():
    close(FOUR_BINS.edges(), [-4.0, -3.0, -2.0, -1.0, 0.0])
    close(FOUR_BINS.centres(), [-3.5, -2.5, -1.5, -0.5])
    assert PAPER.outputs == 128
    assert PAPER.sigma_bins == 0.75


def test_projection_against_the_normal_distribution_function():
    """N(-1.3, 0.75) between -4 and 0: differences of tabulated Phi, renormalised."""
    close(FOUR_BINS.project(torch.tensor(-1.3)), [0.0120483, 0.1707344, 0.5009772, 0.3162401])


def test_projection_at_the_edge_is_half_a_normal():
    close(FOUR_BINS.project(torch.tensor(0.0)), [0.0000632, 0.0075974, 0.1747617, 0.8175776])


@settings(max_examples=50, deadline=None)
@given(st.floats(-130.0, 30.0))
def test_projection_is_a_distribution_that_decodes_to_its_target(target):
    bins = PAPER.project(torch.tensor([target]))
    assert bins.min() >= 0.0
    assert bins.sum().item() == pytest.approx(1.0, abs=1e-5)
    decoded = PAPER.value(bins.log().clamp_min(-1e4)).item()
    if -97.0 < target < -3.0:
        assert decoded == pytest.approx(target, abs=1e-3)
    else:  # smeared inwards
        assert decoded == pytest.approx(min(max(target, -100.0), 0.0), abs=0.55)


def test_outside_targets_stand_at_the_edge():
    targets = torch.tensor([5.0, 0.0, -100.0, -500.0])
    bins = PAPER.project(targets)
    assert torch.equal(bins[0], bins[1])
    assert torch.equal(bins[2], bins[3])
    # The mean of half a normal, 0.75 · 0.78125 · sqrt(2 / pi) = 0.4675, blurred by the bins.
    close(PAPER.value(bins.log().clamp_min(-1e4)), [-0.5392, -0.5392, -99.4608, -99.4608], 1e-3)


def test_the_smoothing_of_the_release():
    """0.75·√2 bins: half a normal at an edge decodes to 0.711 inside it."""
    release = CriticConfig(sigma_bins=0.75 * math.sqrt(2.0)).value_head()
    bins = release.project(torch.tensor([0.0, -100.0, -37.3]))
    close(release.value(bins.log().clamp_min(-1e4)), [-0.711, -99.289, -37.3], 1e-3)


def test_cross_entropy_by_hand():
    # All bins alike: -log(1/4), whatever the target.
    raw = torch.zeros(2, 4)
    close(FOUR_BINS.loss(raw, torch.tensor([-1.3, 0.0])), [math.log(4.0)] * 2)
    probability = torch.tensor([0.1, 0.2, 0.3, 0.4])
    expected = -(
        0.0120483 * math.log(0.1)
        + 0.1707344 * math.log(0.2)
        + 0.5009772 * math.log(0.3)
        + 0.3162401 * math.log(0.4)
    )
    close(FOUR_BINS.loss(probability.log() + 7.0, torch.tensor(-1.3)), expected, 1e-5)


def test_value_is_the_mean_of_the_bins():
    probability = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 0.0, 1.0]])
    close(FOUR_BINS.value(probability.log()), [-1.5, -0.5], 1e-5)


def test_gradient_descent_on_the_loss_finds_the_target():
    raw = torch.zeros(4, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.1)
    target = torch.tensor(-2.2)
    for _ in range(200):
        optimiser.zero_grad()
        FOUR_BINS.loss(raw, target).backward()
        optimiser.step()
    close(raw.detach().softmax(-1), FOUR_BINS.project(target).tolist(), 1e-3)


@pytest.mark.parametrize(
    'wrong', [{'low': 0.0}, {'high': -4.0}, {'outputs': 1}, {'sigma_bins': 0.0}]
)
def test_impossible_histograms_are_refused(wrong):
    with pytest.raises(ValueError, match='low < high'):
        HLGaussHead(**({'low': -4.0, 'high': 0.0} | wrong))


def test_scalar_head_is_squared_error():
    head = ScalarHead()
    raw = torch.tensor([[1.0], [-2.0]])
    assert head.outputs == 1
    close(head.value(raw), [1.0, -2.0])
    close(head.loss(raw, torch.tensor([3.0, -2.5])), [4.0, 0.25])
