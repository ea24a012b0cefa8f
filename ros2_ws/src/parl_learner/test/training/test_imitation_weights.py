# SPDX-License-Identifier: Apache-2.0
import torch

from parl_learner.training.imitation_weights import advantage_weights, self_imitation_weights


def test_advantage_weights_by_hand():
    found = advantage_weights(torch.tensor([0.0, 1.0, -0.5, 9.0]), 2.0, 100.0)
    torch.testing.assert_close(found, torch.tensor([1.0, 7.389056, 0.367879, 100.0]))


def test_self_imitation_weights_by_hand():
    found = self_imitation_weights(torch.tensor([-3.0, -9.0]), torch.tensor([-5.0, -4.0]))
    torch.testing.assert_close(found, torch.tensor([2.0, 0.0]))
