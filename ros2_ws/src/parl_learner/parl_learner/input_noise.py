# SPDX-License-Identifier: Apache-2.0
"""Noise on what a critic sees in training: for a vector what random shift is for an image."""

import torch


def with_noise(values: torch.Tensor, noise: float, generator: torch.Generator) -> torch.Tensor:
    """Blur normalised states or executed actions a little.

    A critic of a few dozen episodes could otherwise learn each of them by heart, outcome and all,
    and action optimisation climbs the slopes between them. (S4RL, arXiv 2103.06326, blurs states
    so; the action is blurred here too because it is climbed.)

    Args:
        values: (B, n), of spread about 1.
        noise: Standard deviation of the noise.
        generator: Source of the noise.
    """
    return values + noise * torch.randn(values.shape, generator=generator)
