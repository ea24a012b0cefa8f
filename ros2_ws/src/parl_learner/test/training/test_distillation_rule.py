# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_learner.training.distillation_rule import chosen_target, value_spread


def test_spread_by_hand():
    """Values -1 and -3 deviate by 1; -2, twice, by 0; the mean of both is 0.5."""
    assert value_spread(torch.tensor([[-1.0, -3.0], [-2.0, -2.0]])) == 0.5


def test_the_rule():
    assert chosen_target('by_spread', 0.3, 1.0) == 'argmax'
    assert chosen_target('by_spread', 1.0, 1.0) == 'softmax'
    assert chosen_target('by_spread', 0.3, 0.2) == 'softmax'


@pytest.mark.parametrize('target', ['softmax', 'argmax', 'particles'])
def test_a_fixed_target_is_kept(target):
    assert chosen_target(target, 0.0, 1.0) == chosen_target(target, 99.0, 1.0) == target
