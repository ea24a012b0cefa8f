# SPDX-License-Identifier: Apache-2.0
"""Chooses the encoder of a camera's pictures."""

from dataclasses import dataclass
from typing import get_args, Literal

from parl_policy.networks.conv_encoder import ConvEncoder
from parl_policy.networks.keypoint_encoder import KeypointEncoder
from parl_policy.networks.patch_maps import find_backbone, PatchMaps
from parl_policy.networks.residual_encoder import ResidualEncoder
from parl_policy.networks.waypoint_encoder import WaypointEncoder, WAYPOINTS

PictureEncoder = ConvEncoder | KeypointEncoder | ResidualEncoder | WaypointEncoder
"""Each has `features`, and turns pictures (B, H, W, 3) of 0…255 into (B, features) in float32."""

SMALLEST = 16
"""Least height and width of a picture [pixels]."""


_Kind = Literal['convolutions', 'keypoints', 'resnet', 'waypoints']


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Kind and sizes of an encoder of pictures."""

    kind: _Kind = 'keypoints'
    """DrQ's convolutions, points by spatial soft-argmax, ResNet-18 (its paper's), or waypoints.

    'waypoints' are taught by demonstrations before everything else, and then frozen.
    """
    widths: tuple[int, ...] = (16, 32)
    """Channels of each convolution, or of each stage of a ResNet; its paper's: 64…512."""
    features: int = 64
    """Features of 'convolutions'; a ResNet has as many as its last width."""
    keypoints: int = 32
    """Number of points of 'keypoints', two features each."""
    backbone: str = ''
    """`package.module:function` of a frozen network from whose patches waypoints are read.

    `parl_vla.openvla.base:towers` are those of an OpenVLA. Without one, convolutions learn it.
    """
    backbone_model: str = ''
    """Folder of that network's checkpoint."""
    first: Literal['pooled', 'strided'] = 'pooled'
    """First layer of a ResNet: the paper's, or one that saves a fifth of its time."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.kind not in get_args(_Kind):
            raise ValueError(f'encoder kind is {self.kind!r}, expected one of {get_args(_Kind)}')
        if self.first not in ('pooled', 'strided'):
            raise ValueError(f"encoder first is {self.first!r}, expected 'pooled' or 'strided'")
        if self.backbone and self.kind != 'waypoints':
            raise ValueError(f"a backbone is for encoders of kind 'waypoints': {self}")
        if not self.widths or min(*self.widths, self.features, self.keypoints) < 1:
            raise ValueError(f'encoder widths, features and keypoints must be at least 1: {self}')
        if self.kind == 'resnet' and any(width % 4 for width in self.widths):
            raise ValueError(f'widths of a ResNet must be multiples of 4: {list(self.widths)}')


def check_size(size: tuple[int, int]) -> None:
    """Refuse pictures of a height and width that no encoder takes.

    Raises:
        ValueError: The pictures are too small.
    """
    if min(size) < SMALLEST:
        raise ValueError(f'pictures of {size[0]}×{size[1]} are smaller than {SMALLEST} pixels')


def picture_encoder(size: tuple[int, int], config: EncoderConfig) -> PictureEncoder:
    """Make an untrained encoder of pictures of height and width `size`.

    Raises:
        ValueError: The pictures are too small.
    """
    check_size(size)
    if config.kind == 'resnet':
        return ResidualEncoder(config.widths, config.first)
    if config.kind == 'waypoints':
        if config.backbone:
            maps = PatchMaps(find_backbone(config.backbone, config.backbone_model), WAYPOINTS)
            return WaypointEncoder(maps)
        return WaypointEncoder(KeypointEncoder(size, config.widths, WAYPOINTS))
    if config.kind == 'keypoints':
        return KeypointEncoder(size, config.widths, config.keypoints)
    return ConvEncoder(size, config.widths, config.features)
