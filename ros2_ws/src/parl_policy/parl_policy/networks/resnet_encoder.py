# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 (arXiv 1512.03385) with group norm and swish, trained from scratch."""

from collections.abc import Sequence

import torch
from torch import nn


class BasicBlock(nn.Module):
    """swish(x + norm(conv(swish(norm(conv(x)))))); x is projected if its shape changes."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        """Make a block of two 3×3 convolutions."""
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, width, 3, stride, padding=1, bias=False),
            _norm(width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            _norm(width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), _norm(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block: (B, before, H, W) -> (B, width, H / stride, W / stride)."""
        return nn.functional.silu(self.shortcut(x) + self.body(x))


class ResNetEncoder(nn.Module):
    """Encodes pictures by the mean of the last feature maps.

    Attributes:
        features: Number of output features.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        """Make an untrained encoder; `widths` are the channels of each stage of two blocks."""
        super().__init__()
        self.features = widths[-1]
        before = widths[0]
        stages: list[nn.Module] = []
        for i, width in enumerate(widths):
            stages.append(BasicBlock(before, width, stride=1 if i == 0 else 2))
            stages.append(BasicBlock(width, width, stride=1))
            before = width
        self.network = nn.Sequential(
            nn.Conv2d(3, widths[0], 7, stride=2, padding=3, bias=False),
            _norm(widths[0]),
            nn.SiLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            *stages,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Encode pictures (B, H, W, 3) uint8: (B, features)."""
        return self.network(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0)


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(4, width)
