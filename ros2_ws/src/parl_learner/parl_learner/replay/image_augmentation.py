# SPDX-License-Identifier: Apache-2.0
"""The random shift of a batch's images."""

import dataclasses

import torch

from parl_learner.replay.replay import Batch
from parl_policy.networks.random_shift import draw_shifts
from parl_policy.networks.resnet_encoder import ImageConfig


def shift_batch(batch: Batch, image: ImageConfig, generator: torch.Generator) -> Batch:
    """Shift the images of a batch; the two images of a transition have the same random shift."""
    shifts = draw_shifts(len(batch.rows), generator)
    return dataclasses.replace(
        batch,
        observations=image.shift(batch.observations, shifts),
        next_observations=image.shift(batch.next_observations, shifts),
    )
