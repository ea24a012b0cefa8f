# SPDX-License-Identifier: Apache-2.0
import math

import torch

from parl_learner.training.critic_loss import (
    calibrated,
    conservative_gap,
    expectile_loss,
    td_targets,
)


def test_td_target_is_the_minimum_over_members():
    """-1 + 0.9 · min(-3, -5); 0 after a success; -1 + 0.9 · min(-10, -2) at a time-out."""
    targets = td_targets(
        torch.tensor([-1.0, 0.0, -1.0]),
        torch.tensor([0.9, 0.0, 0.9]),
        torch.tensor([[-3.0, -7.0, -10.0], [-5.0, -8.0, -2.0]]),
    )
    torch.testing.assert_close(targets, torch.tensor([-5.5, 0.0, -10.0]))


def test_calibration_lifts_values_to_the_return_of_their_state():
    values = torch.tensor([[[-5.0, -1.0], [-5.0, -1.0]], [[-2.0, -4.0], [0.0, -9.0]]])
    found = calibrated(values, torch.tensor([-3.0, -1.5]))
    expected = [[[-3.0, -1.0], [-1.5, -1.0]], [[-2.0, -3.0], [0.0, -1.5]]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_gap_equals_the_literal_mean_over_31_actions():
    """Ten uniform actions, ten times the next, ten times the current, and the data's."""
    uniform = [-9.1, -8.0, -7.5, -9.9, -3.2, -6.6, -5.1, -4.4, -8.8, -2.7]
    following, current, data = -2.3, -1.9, -4.0
    literal = uniform + 10 * [following] + 10 * [current] + [data]
    assert len(literal) == 31
    expected = math.log(sum(math.exp(value) for value in literal) / 31) - data
    log_weights = torch.tensor([0.0] * 10 + [math.log(10.0)] * 2)
    found = conservative_gap(
        torch.tensor([[data]]), torch.tensor([[[*uniform, following, current]]]), log_weights
    )
    torch.testing.assert_close(found, torch.tensor([[expected]]))


def test_no_gap_where_all_values_agree():
    log_weights = torch.tensor([0.0, math.log(4.0)])
    gap = conservative_gap(torch.full((2, 3), -7.0), torch.full((2, 3, 2), -7.0), log_weights)
    torch.testing.assert_close(gap, torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_gap_by_hand():
    """Q = log 3 and log 2 beside the data's log 1: log((3 + 2 + 1) / 3) - 0 = log 2."""
    sampled = torch.tensor([[[3.0, 2.0]]]).log()
    gap = conservative_gap(torch.zeros(1, 1), sampled, torch.zeros(2))
    torch.testing.assert_close(gap, torch.tensor([[math.log(2.0)]]))


def test_expectile_loss_by_hand():
    """0.8 · 2² above, 0.2 · 3² below, nothing at 0."""
    found = expectile_loss(torch.tensor([2.0, -3.0, 0.0]), 0.8)
    torch.testing.assert_close(found, torch.tensor([3.2, 1.8, 0.0]))


def test_the_expectile_of_a_coin():
    """Of 0 and 1 with equal odds the τ-expectile is τ; for τ = 0.5 the mean."""
    coin = torch.tensor([0.0, 1.0])
    for expectile in (0.1, 0.5, 0.9):
        value = torch.tensor(expectile, requires_grad=True)
        expectile_loss(coin - value, expectile).sum().backward()
        assert abs(value.grad.item()) < 1e-6
