# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 (1512.03385) with group norm and swish, trained from scratch, of pictures."""

from typing import Literal

import torch
from torch import nn
from torch.nn.functional import silu

from parl_policy.networks.convolution import Convolution, map_type, MapNorm, scaled, stem


class ResidualBlock(nn.Module):
    """swish(x + norm(conv(swish(norm(conv(x)))))); x is projected if its shape changes."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        """Make a block of two 3×3 convolutions."""
        super().__init__()
        self.body = nn.Sequential(
            Convolution(before, width, 3, stride, bias=False),
            MapNorm(width),
            nn.SiLU(),
            Convolution(width, width, 3, bias=False),
            MapNorm(width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or before != width:
            self.shortcut = nn.Sequential(
                Convolution(before, width, 1, stride, bias=False), MapNorm(width)
            )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Apply the block: (B, before, H, W) -> (B, width, H / stride, W / stride)."""
        return silu(self.shortcut(maps) + self.body(maps))


class ResidualEncoder(nn.Module):
    """Stem, two blocks a width, and the mean over the last map.

    Attributes:
        features: Number of output features, the last width.
    """

    def __init__(
        self, widths: tuple[int, ...], first: Literal['pooled', 'strided'] = 'pooled'
    ) -> None:
        """Make an untrained encoder.

        Args:
            widths: Channels of each stage of two blocks; multiples of 4, the groups of a norm.
            first: The first layer: 'pooled' is ResNet's, 7×7 with stride 2 and a maximum over 3×3
                with stride 2; 'strided' is one of 8×8 with stride 4, by which the encoder takes
                a fifth less time.
        """
        super().__init__()
        self.features = widths[-1]
        self.map_type = map_type()
        layers: list[nn.Module]
        if first == 'pooled':
            layers = [Convolution(3, widths[0], 7, 2, bias=False), MapNorm(widths[0]), nn.SiLU()]
            layers.append(nn.MaxPool2d(3, stride=2, padding=1))
        else:
            layers = [stem(widths[0]), MapNorm(widths[0]), nn.SiLU()]
        before = widths[0]
        for i, width in enumerate(widths):
            layers.append(ResidualBlock(before, width, stride=1 if i == 0 else 2))
            layers.append(ResidualBlock(width, width, stride=1))
            before = width
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Encode pictures (B, H, W, 3) of 0…255: (B, features)."""
        maps: torch.Tensor = self.layers(scaled(pictures, self.map_type))
        return maps.float().mean((2, 3))
