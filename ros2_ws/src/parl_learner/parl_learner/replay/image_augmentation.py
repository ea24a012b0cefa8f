# SPDX-License-Identifier: Apache-2.0
"""Random shift of a batch's images."""

import dataclasses

import torch

from parl_learner.replay.replay import Batch
from parl_policy.networks.random_shift import draw_shifts
from parl_policy.networks.resnet_encoder import ImageConfig


def shift_batch(batch: Batch, image: ImageConfig, generator: torch.Generator) -> Batch:
    """The batch with each transition's two images moved by one shift of its own."""
    shifts = draw_shifts(len(batch.rows), generator)
    return dataclasses.replace(
        batch,
        observations=image.shift(batch.observations, shifts),
        next_observations=image.shift(batch.next_observations, shifts),
    )
