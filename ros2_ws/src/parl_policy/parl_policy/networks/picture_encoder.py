# SPDX-License-Identifier: Apache-2.0
"""The kinds of encoders that make features of a camera's pictures."""

from dataclasses import dataclass
from typing import Literal, Protocol

from torch import nn

from parl_policy.networks.resnet_encoder import ResNetEncoder
from parl_policy.observations import Size


class PictureEncoder(Protocol):
    """A module: pictures (B, height, width, 3) uint8 -> (B, features)."""

    features: int
    """Number of output features."""


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The kind of an encoder, and its size."""

    kind: Literal['resnet'] = 'resnet'
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of each stage; multiples of 4, the groups of a norm."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.widths or any(width < 1 or width % 4 for width in self.widths):
            raise ValueError(f'encoder widths must be multiples of 4: {self.widths}')


def new_picture_encoder(config: EncoderConfig, size: Size) -> nn.Module:
    """Make an untrained encoder: pictures (B, height, width, 3) uint8 -> (B, `features`)."""
    del size
    return ResNetEncoder(config.widths)
