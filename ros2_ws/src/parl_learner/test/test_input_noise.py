# SPDX-License-Identifier: Apache-2.0
import torch

from parl_learner.input_noise import with_noise
from parl_learner.replay import Batch


def make_batch(count):
    return Batch(
        rows=torch.arange(count),
        observations=torch.zeros(count, 2),
        next_observations=torch.ones(count, 2),
        actions=torch.tensor([0.0, 1.0]).repeat(count, 1),
        rewards=-torch.ones(count),
        discounts=torch.full((count,), 0.99),
        returns=torch.full((count,), -30.0),
    )


def test_noise_has_the_spread_of_each_entry():
    batch, spread = make_batch(20_000), torch.tensor([0.05, 2.0])
    noisy = with_noise(batch, 0.1, spread, torch.Generator().manual_seed(0))
    torch.testing.assert_close(noisy.observations.std(0), 0.1 * spread, rtol=0.03, atol=0)
    moved = noisy.next_observations - batch.next_observations
    torch.testing.assert_close(moved.std(0), 0.1 * spread, rtol=0.03, atol=0)
    torch.testing.assert_close(moved.mean(0), torch.zeros(2), rtol=0, atol=0.006)
    correlation = torch.corrcoef(torch.stack([noisy.observations[:, 1], moved[:, 1]]))[0, 1]
    assert abs(correlation) < 0.03  # the next observation has noise of its own
    assert abs(float(noisy.actions[:, 0].std()) - 0.1) < 0.003


def test_actions_stay_within_bounds_and_the_rest_is_untouched():
    batch = make_batch(100)
    noisy = with_noise(batch, 0.5, torch.ones(2), torch.Generator().manual_seed(0))
    assert noisy.actions.abs().max() <= 1.0
    assert noisy.rows is batch.rows
    assert noisy.returns is batch.returns
    assert batch.observations.abs().max() == 0.0
