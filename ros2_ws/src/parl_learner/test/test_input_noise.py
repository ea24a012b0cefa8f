# SPDX-License-Identifier: Apache-2.0
import torch

from parl_learner.input_noise import with_noise


def test_noise_has_its_spread_and_no_bias():
    values = torch.tensor([-3.0, 0.5]).repeat(20_000, 1)
    moved = with_noise(values, 0.1, torch.Generator().manual_seed(0)) - values
    torch.testing.assert_close(moved.std(0), torch.full((2,), 0.1), rtol=0.03, atol=0)
    torch.testing.assert_close(moved.mean(0), torch.zeros(2), rtol=0, atol=0.003)
    assert abs(torch.corrcoef(moved.T)[0, 1]) < 0.03
