# SPDX-License-Identifier: Apache-2.0
"""Scales observations by the statistics of the demonstrations, which are part of the weights."""

import torch
from torch import nn


class ObservationNormaliser(nn.Module):
    """(x - mean) / std, clipped to ±`LIMIT`, so that one wrong reading has a limited effect."""

    LIMIT = 5.0
    MIN_STD = 1e-2
    """Smallest std [m, rad or 0…1], so that noise of entries that hardly vary is not enlarged."""

    features: int
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, dim: int) -> None:
        """Start as the identity."""
        super().__init__()
        self.features = dim
        self.register_buffer('mean', torch.zeros(dim))
        self.register_buffer('std', torch.ones(dim))

    def fit(self, observations: torch.Tensor) -> None:
        """Set mean and standard deviation to those of (N, O)."""
        if self.features == 0:  # an observation may hold nothing but an image
            return
        self.mean.copy_(observations.mean(0))
        self.std.copy_(observations.std(0).clamp_min(self.MIN_STD))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Normalise observations (…, O)."""
        return ((observations - self.mean) / self.std).clamp(-self.LIMIT, self.LIMIT)
