# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from parl_learner.training.value_gradient import (
    temperature_loss,
    value_gradient_loss,
    ValueGradientConfig,
)


def test_value_loss_by_hand():
    values = torch.tensor([-2.0, 4.0, -6.0])
    assert value_gradient_loss(values, False).item() == pytest.approx(4.0 / 3.0)
    assert value_gradient_loss(values, True).item() == pytest.approx(1.0 / 3.0)


def test_no_gradient_goes_through_the_scale():
    values = torch.tensor([-2.0, -4.0], requires_grad=True)
    value_gradient_loss(values, True).backward()
    torch.testing.assert_close(values.grad, torch.tensor([-1.0 / 6.0, -1.0 / 6.0]))


def test_temperature_loss_by_hand():
    """-α (log π + H) with α = 2, log π = 1 and 3, H = -7: -2 · (-5)."""
    log_temperature = torch.tensor(math.log(2.0), requires_grad=True)
    loss = temperature_loss(log_temperature, torch.tensor([1.0, 3.0]), -7.0)
    loss.backward()
    assert loss.item() == pytest.approx(10.0)
    assert log_temperature.grad.item() == pytest.approx(10.0)


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match='imitation_weight must be >= 0: -1'):
        ValueGradientConfig(imitation_weight=-1.0)
