# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_learner.training.distillation_rule import changed_share, chosen_target, value_spread


def test_spread_by_hand():
    """Values -1 and -3 deviate by 1; -2, twice, by 0; the mean of both is 0.5."""
    assert value_spread(torch.tensor([[-1.0, -3.0], [-2.0, -2.0]])) == 0.5


def test_the_share_of_changed_tokens_by_hand():
    """Tokens of width 1. In state 0 the first particle changes one of two tokens, of the nearer
    candidate; the second one none. In state 1 both change both. In all 5 of 8."""
    candidates = torch.tensor([[[0.1, 0.1], [5.4, 5.4]], [[0.5, 0.5], [9.0, 9.0]]])
    found = torch.tensor([[[5.9, 6.1], [0.9, 0.2]], [[1.5, 1.5], [8.5, 8.5]]])
    assert changed_share(lambda actions: actions.floor().long(), candidates, found) == 5 / 8


def test_the_rule():
    assert chosen_target('by_spread', 0.3, 1.0) == 'argmax'
    assert chosen_target('by_spread', 1.0, 1.0) == 'softmax'
    assert chosen_target('by_spread', 0.3, 0.2) == 'softmax'


@pytest.mark.parametrize('target', ['softmax', 'argmax', 'particles'])
def test_a_fixed_target_is_kept(target):
    assert chosen_target(target, 0.0, 1.0) == chosen_target(target, 99.0, 1.0) == target
