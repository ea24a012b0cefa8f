# SPDX-License-Identifier: Apache-2.0
"""Actions as tokens: each number in [-1, 1] falls into one of equal bins."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class ActionTokens:
    """Token i stands for [-1 + i·w, -1 + (i + 1)·w), w = 2 / bins, and decodes to its centre.

    Encoding and decoding moves a number by at most w / 2 = 1 / bins, 0.0078 for 128 bins. So a
    target that the critic's gradient has moved by less than that often keeps its tokens.
    """

    bins: int = 128

    def __post_init__(self) -> None:
        """Check that there are at least two bins."""
        if self.bins < 2:
            raise ValueError(f'actions need at least 2 bins: {self.bins}')

    def encode(self, actions: torch.Tensor) -> torch.Tensor:
        """Return tokens 0 … bins - 1 of actions of any shape; beyond ±1 the end bins."""
        scaled = (actions + 1.0) * (self.bins / 2.0)
        return scaled.floor().long().clamp(0, self.bins - 1)

    def decode(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the centres of the tokens' bins, in the shape of `tokens`."""
        return (tokens + 0.5) * (2.0 / self.bins) - 1.0
