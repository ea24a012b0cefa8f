# SPDX-License-Identifier: Apache-2.0
"""Turns a critic's output into a value: a number (MSE) or a histogram (HL-Gauss)."""

from dataclasses import dataclass
import math
from typing import Protocol

import torch


class ValueHead(Protocol):
    """Maps raw critic outputs (…, outputs) to values (…) and to a training loss."""

    @property
    def outputs(self) -> int:
        """Width of the critic's last layer."""
        ...

    def value(self, raw: torch.Tensor) -> torch.Tensor:
        """Return the values: (…, outputs) -> (…)."""
        ...

    def value_and_gradient(self, raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return values (…) and their derivatives by the raw outputs (…, outputs)."""
        ...

    def loss(self, raw: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss of each prediction for its target value: (…, outputs), (…) -> (…)."""
        ...


@dataclass(frozen=True)
class ScalarHead:
    """One output that is the value itself, trained by squared error."""

    outputs: int = 1

    def value(self, raw: torch.Tensor) -> torch.Tensor:
        """Return the output itself without the last axis: (…, 1) -> (…)."""
        return raw.squeeze(-1)

    def value_and_gradient(self, raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the output itself (…) and the derivative 1 (…, 1)."""
        return raw.squeeze(-1), torch.ones_like(raw)

    def loss(self, raw: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the squared error (…)."""
        return (raw.squeeze(-1) - target).square()


@dataclass(frozen=True)
class HLGaussHead:
    """A histogram, trained by cross-entropy to the smoothed target (arXiv 2403.03950)."""

    low: float
    """Left edge of the support."""
    high: float
    """Right edge of the support."""
    outputs: int = 128
    """Number of bins."""
    sigma_bins: float = 0.75
    """Standard deviation of the smoothing in bin widths (the authors' release amounts to 1.06)."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.low < self.high or self.outputs < 2 or self.sigma_bins <= 0:
            raise ValueError(f'HL-Gauss needs low < high, >= 2 bins and sigma > 0: {self}')

    def edges(self) -> torch.Tensor:
        """Return the edges of the bins (bins + 1,)."""
        return torch.linspace(self.low, self.high, self.outputs + 1)

    def centres(self) -> torch.Tensor:
        """Return the centres of the bins (bins,)."""
        edges = self.edges()
        return (edges[1:] + edges[:-1]) / 2.0

    def project(self, target: torch.Tensor) -> torch.Tensor:
        """Return the probability of each bin under N(target, sigma²) truncated to the support.

        Targets outside the support are moved to its edge first. The release leaves them outside,
        so that its head reads -0.39 for a target of 5, and this one -0.71.

        Returns:
            (…, bins); the sum over bins is 1.
        """
        sigma = self.sigma_bins * (self.high - self.low) / self.outputs
        offset = self.edges() - target.clamp(self.low, self.high).unsqueeze(-1)
        cdf = torch.erf(offset / (math.sqrt(2.0) * sigma))
        return cdf.diff(dim=-1) / (cdf[..., -1:] - cdf[..., :1])

    def value(self, raw: torch.Tensor) -> torch.Tensor:
        """Return the expected bin centre under the softmax: (…, bins) -> (…)."""
        return raw.softmax(-1) @ self.centres()

    def value_and_gradient(self, raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the expectation (…) and its derivative p · (centre - expectation) (…, bins)."""
        probabilities, centres = raw.softmax(-1), self.centres()
        value = probabilities @ centres
        return value, probabilities.mul_(centres - value.unsqueeze(-1))

    def loss(self, raw: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy (…) to the projected target."""
        return -(self.project(target) * raw.log_softmax(-1)).sum(-1)
