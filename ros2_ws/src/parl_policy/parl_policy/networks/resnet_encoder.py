# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 (arXiv 1512.03385) with group norm and swish, trained from scratch."""

from dataclasses import dataclass
import math

import torch
from torch import nn

from parl_policy.networks.observation_normaliser import ObservationNormaliser
from parl_policy.networks.random_shift import shift_images


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """An observation whose first C·H·W numbers are an image's pixels; the rest is a vector."""

    shape: tuple[int, int, int] = (3, 100, 100)
    """Channels, height, width; pixels run from 0 to 255."""
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of each stage of two blocks; multiples of 4, the groups of a norm."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f'image shape must be channels, height, width: {self.shape}')
        if not self.widths or any(width < 1 or width % 4 for width in self.widths):
            raise ValueError(f'encoder widths must be multiples of 4: {self.widths}')

    @property
    def pixels(self) -> int:
        """Number of pixel values, C·H·W."""
        return math.prod(self.shape)

    def split(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Split observations (B, O) into images (B, C, H, W) and vectors (B, O - C·H·W)."""
        images = observations[:, : self.pixels].unflatten(1, self.shape)
        return images, observations[:, self.pixels :]

    def shift(self, observations: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
        """Return the observations (B, O) with their images moved by shifts (B, 2)."""
        images, vectors = self.split(observations)
        return torch.cat([shift_images(images, shifts).flatten(1), vectors], dim=1)


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
    """Encodes observations with an image: pooled ResNet features beside the normalised vector.

    Attributes:
        features: Number of output features.
    """

    def __init__(self, observation_dim: int, config: ImageConfig) -> None:
        """Make an untrained encoder.

        Raises:
            ValueError: The image does not fit the observation.
        """
        super().__init__()
        vector_dim = observation_dim - config.pixels
        if vector_dim < 0:
            raise ValueError(
                f'an observation of {observation_dim} numbers cannot hold an image of shape '
                f'{config.shape}; set image.shape to what the observations hold'
            )
        self.config = config
        self.features = config.widths[-1] + vector_dim
        self.normaliser = ObservationNormaliser(vector_dim)
        before = config.widths[0]
        stages: list[nn.Module] = []
        for i, width in enumerate(config.widths):
            stages.append(BasicBlock(before, width, stride=1 if i == 0 else 2))
            stages.append(BasicBlock(width, width, stride=1))
            before = width
        self.network = nn.Sequential(
            nn.Conv2d(config.shape[0], config.widths[0], 7, stride=2, padding=3, bias=False),
            _norm(config.widths[0]),
            nn.SiLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            *stages,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def fit(self, observations: torch.Tensor) -> None:
        """Set the normaliser to mean and standard deviation of the vector part of (N, O)."""
        self.normaliser.fit(observations[:, self.config.pixels :])

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Encode observations: (B, O) -> (B, features)."""
        images, vectors = self.config.split(observations)
        seen = self.network(images / 127.5 - 1.0)
        return torch.cat([seen, self.normaliser(vectors)], dim=1)


def observation_encoder(
    observation_dim: int, image: ImageConfig | None
) -> ObservationNormaliser | ResNetEncoder:
    """Make what comes before a network's first layer: a normaliser, or an image encoder."""
    if image is None:
        return ObservationNormaliser(observation_dim)
    return ResNetEncoder(observation_dim, image)


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(4, width)
