# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st
import pytest
import torch

from parl_policy.policies.action_tokens import ActionTokens


def test_128_bins_by_hand():
    tokens = ActionTokens()
    actions = torch.tensor([-1.0, -0.984376, -0.984375, 0.0, -1e-7, 0.5, 0.99, 1.0])
    assert tokens.encode(actions).tolist() == [0, 0, 1, 64, 63, 96, 127, 127]
    centres = tokens.decode(torch.tensor([0, 63, 64, 127])).tolist()
    assert centres == [-0.9921875, -0.0078125, 0.0078125, 0.9921875]


def test_beyond_the_bounds_lie_the_end_bins():
    assert ActionTokens(bins=4).encode(torch.tensor([-7.0, 7.0])).tolist() == [0, 3]


@given(st.floats(-1.0, 1.0, width=32), st.integers(2, 300))
def test_the_round_trip_errs_by_half_a_bin_at_most(action, bins):
    tokens = ActionTokens(bins)
    back = tokens.decode(tokens.encode(torch.tensor(action))).item()
    assert abs(back - action) <= 1.0 / bins + 1e-6


def test_every_token_is_its_centres():
    tokens = ActionTokens(bins=128)
    every = torch.arange(128)
    assert torch.equal(tokens.encode(tokens.decode(every)), every)


def test_one_bin_is_refused():
    with pytest.raises(ValueError, match='at least 2 bins: 1'):
        ActionTokens(bins=1)
