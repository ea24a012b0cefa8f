# SPDX-License-Identifier: Apache-2.0
"""Noise on what a critic sees in training: for a vector what random shift is for an image."""

import dataclasses

import torch

from parl_learner.replay import Batch


def with_noise(
    batch: Batch, noise: float, spread: torch.Tensor, generator: torch.Generator
) -> Batch:
    """Blur observations and executed actions a little.

    A critic of a few dozen episodes could otherwise learn each of them by heart, outcome and all,
    and action optimisation climbs the slopes between them. (S4RL, arXiv
    2103.06326, blurs states so; the action is blurred here too because it is climbed.)

    Args:
        batch: B transitions.
        noise: Standard deviation, as part of an entry's spread; of an action in [-1, 1], absolute.
        spread: (O,) standard deviation of each observation entry over the data.
        generator: Source of the noise.

    Returns:
        The batch with noisy observations, next observations and actions; the rest is shared.
    """

    def blurred(values: torch.Tensor, scale: torch.Tensor | float) -> torch.Tensor:
        return values + noise * scale * torch.randn(values.shape, generator=generator)

    return dataclasses.replace(
        batch,
        observations=blurred(batch.observations, spread),
        next_observations=blurred(batch.next_observations, spread),
        actions=blurred(batch.actions, 1.0).clamp(-1.0, 1.0),
    )
