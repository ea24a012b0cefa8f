# SPDX-License-Identifier: Apache-2.0
import torch

from parl_learner.training.state_value import StateValue


def test_one_layer_by_hand():
    """x = 2 gives (2, -2), normalised (1, -1), swish, times (1, 3), plus 0.5."""
    value = StateValue(1, (2,))
    with torch.no_grad():
        value.network[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        value.network[3].weight.copy_(torch.tensor([[1.0, 3.0]]))
        value.network[3].bias.fill_(0.5)
    # swish(1) = 0.7310586, swish(-1) = -0.2689414
    torch.testing.assert_close(value(torch.tensor([[2.0]])), torch.tensor([0.4242344]))


def test_an_untrained_value_is_small():
    torch.manual_seed(0)
    assert StateValue(5, (16, 16))(torch.randn(50, 5)).abs().max() < 0.2
