# SPDX-License-Identifier: Apache-2.0
import torch

from parl_learner.replay.image_augmentation import shift_batch
from parl_learner.replay.replay import Batch
from parl_policy.networks.resnet_encoder import ImageConfig

IMAGE = ImageConfig(shape=(2, 9, 9), widths=(4,))


def test_both_images_of_a_transition_take_one_shift_and_the_rest_stays():
    observations = torch.rand(6, IMAGE.pixels + 3, generator=torch.Generator().manual_seed(1))
    column = torch.arange(6.0)
    batch = Batch(
        rows=torch.arange(6),
        next_rows=torch.arange(6) + 1,
        observations=observations,
        next_observations=2.0 * observations,
        actions=column[:, None],
        rewards=column,
        discounts=column,
        returns=column,
    )
    found = shift_batch(batch, IMAGE, torch.Generator().manual_seed(0))
    assert torch.equal(found.next_observations, 2.0 * found.observations)
    assert torch.equal(found.observations[:, IMAGE.pixels :], observations[:, IMAGE.pixels :])
    moved = (found.observations != observations).any(1)
    assert moved.sum() >= 4, 'a shift by nothing has probability 1/81'
    assert set(found.observations[0].tolist()) <= set(observations[0].tolist())
    assert found.actions is batch.actions
    assert torch.equal(batch.observations, observations), 'the given batch is left as it was'
