# SPDX-License-Identifier: Apache-2.0
"""Scales observations by the statistics of the demonstrations; travels inside the weights."""

import torch
from torch import nn


class ObservationNormaliser(nn.Module):
    """(x - mean) / std, clipped to ±`LIMIT`: one wild reading cannot drive a network far away."""

    LIMIT = 5.0
    MIN_STD = 1e-2
    """Floor [m, rad or 0…1]: entries that hardly vary are not blown up into noise."""

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
        """Take mean and standard deviation of (N, O)."""
        if self.features == 0:  # beside an image there may be nothing
            return
        self.mean.copy_(observations.mean(0))
        self.std.copy_(observations.std(0).clamp_min(self.MIN_STD))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(…, O) -> (…, O)."""
        return ((observations - self.mean) / self.std).clamp(-self.LIMIT, self.LIMIT)
