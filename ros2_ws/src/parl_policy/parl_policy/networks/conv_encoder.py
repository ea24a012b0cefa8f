# SPDX-License-Identifier: Apache-2.0
"""Plain convolutional encoder of pictures, after DrQ (2004.13649) but with larger strides."""

import math

import torch
from torch import nn
from torch.nn.functional import linear

from parl_policy.networks.convolution import after_stem, Convolution, map_type, scaled, stem


class ConvEncoder(nn.Module):
    """Convolutions and ReLU, a projection of the last map, LayerNorm and tanh.

    The stem has stride 4, the next convolution stride 2, the others 1; DrQ has 2 in the first of
    four and 1 after it, which takes four times the operations.

    Attributes:
        features: Number of output features.
    """

    def __init__(self, size: tuple[int, int], widths: tuple[int, ...], features: int) -> None:
        """Make an untrained encoder.

        Args:
            size: Height and width of the pictures.
            widths: Channels of each convolution.
            features: Number of output features.
        """
        super().__init__()
        self.features = features
        self.map_type = map_type()
        layers: list[nn.Module] = [stem(widths[0]), nn.ReLU()]
        rows, columns = after_stem(size)
        for i in range(1, len(widths)):
            stride = 2 if i == 1 else 1
            layers += [Convolution(widths[i - 1], widths[i], 3, stride), nn.ReLU()]
            rows, columns = math.ceil(rows / stride), math.ceil(columns / stride)
        self.convolutions = nn.Sequential(*layers)
        self.projection = nn.Linear(rows * columns * widths[-1], features)
        self.norm = nn.LayerNorm(features)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Encode pictures (B, H, W, 3) of 0…255: (B, features) in -1…1."""
        maps = self.convolutions(scaled(pictures, self.map_type))
        # Rows, columns, channels: the order in memory, which is flattened without a copy.
        flat = maps.permute(0, 2, 3, 1).flatten(1)
        weight, bias = (p.to(flat.dtype) for p in (self.projection.weight, self.projection.bias))
        return torch.tanh(self.norm(linear(flat, weight, bias).float()))
