# SPDX-License-Identifier: Apache-2.0
"""What comes before a network's first layer: normalised numbers, and features of pictures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import nn

from parl_policy.networks.observation_normaliser import ObservationNormaliser
from parl_policy.networks.picture_augmentation import AugmentationConfig
from parl_policy.networks.picture_encoder import (
    check_size,
    EncoderConfig,
    picture_encoder,
    PictureEncoder,
)
from parl_policy.networks.waypoint_encoder import WaypointEncoder, WAYPOINTS
from parl_policy.observations import NEAR_M, PictureConfig, States


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """The pictures that a network sees, and what makes features of them."""

    pictures: Mapping[str, PictureConfig]
    """What is seen, by the name of the camera; each has an encoder of its own."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    """Random changes of the pictures in training."""

    def __post_init__(self) -> None:
        """Refuse to see nothing."""
        if not self.pictures:
            raise ValueError('vision.pictures is empty; name a camera, or leave out vision')
        for picture in self.pictures.values():
            check_size(picture.size)
        if self.encoder.kind == 'waypoints' and len(self.pictures) != 1:
            raise ValueError(
                "an encoder of kind 'waypoints' sees one calibrated camera; vision.pictures has "
                f'{sorted(self.pictures)}'
            )

    @property
    def waypoints(self) -> tuple[Mapping[str, PictureConfig], tuple[int, ...], str, str] | None:
        """What decides an encoder of waypoints, which is taught once for all that agree in it."""
        if self.encoder.kind != 'waypoints':
            return None
        encoder = self.encoder
        return dict(self.pictures), encoder.widths, encoder.backbone, encoder.backbone_model


@dataclass(frozen=True, kw_only=True)
class SightedConfig:
    """Base of the configurations of networks that may see pictures."""

    vision: VisionConfig | None = None
    """Pictures that it sees beside the numbers, if any."""

    @property
    def pictures(self) -> Mapping[str, PictureConfig]:
        """See `parl_policy.observations.needs_of`."""
        return {} if self.vision is None else self.vision.pictures


class ObservationEncoder(nn.Module):
    """Encodes observations with pictures: each camera's features beside the normalised numbers.

    Waypoints are given as asinh(offset / `NEAR_M`) from the gripper, whose position [m] the first
    three numbers are: what is learned at one place holds at another.

    Attributes:
        features: Number of output features.
    """

    def __init__(self, numbers: int, config: VisionConfig) -> None:
        """Make untrained encoders beside a number of `numbers` normalised numbers."""
        super().__init__()
        self.normaliser = ObservationNormaliser(numbers)
        self.encoders = nn.ModuleDict(
            {
                camera: picture_encoder(picture.size, config.encoder)
                for camera, picture in config.pictures.items()
            }
        )
        encoders = cast('Iterable[PictureEncoder]', self.encoders.values())
        self.features = numbers + sum(encoder.features for encoder in encoders)

    def fit(self, numbers: torch.Tensor) -> None:
        """Set the normaliser to mean and standard deviation of (N, O)."""
        self.normaliser.fit(numbers)

    @property
    def is_frozen(self) -> bool:
        """Whether updates leave it as it is, so that a state need be encoded only once."""
        return not any(parameter.requires_grad for parameter in self.parameters())

    def forward(self, observations: States) -> torch.Tensor:
        """Encode B observations: (B, features).

        A tensor holds what a frozen encoder has encoded before, and is returned.
        """
        if isinstance(observations, torch.Tensor):
            return observations
        seen = []
        for camera, encoder in self.encoders.items():
            features = encoder(observations.pictures[camera])
            if isinstance(encoder, WaypointEncoder):
                gripper = observations.numbers[:, :3].repeat(1, WAYPOINTS)
                features = torch.asinh((features - gripper) / NEAR_M)
            seen.append(features)
        return torch.cat([*seen, self.normaliser(observations.numbers)], dim=1)


def waypoint_encoders(network: object) -> list[WaypointEncoder]:
    """Return the encoders of waypoints of a policy and its base, or of a critic."""
    own, base = getattr(network, 'normaliser', None), getattr(network, 'base', None)
    modules = list(own.encoders.values()) if isinstance(own, ObservationEncoder) else []
    found = [module for module in modules if isinstance(module, WaypointEncoder)]
    return found + (waypoint_encoders(base) if base is not None else [])


def frozen_encoder(network: object) -> ObservationEncoder | None:
    """Return the encoder of a policy or critic whose states need to be encoded only once.

    None if it learns or there is none, or if it is not that of the policy's base as well.
    """
    own, base = getattr(network, 'normaliser', None), getattr(network, 'base', None)
    if not isinstance(own, ObservationEncoder) or not own.is_frozen:
        return None
    return own if base is None or frozen_encoder(base) is not None else None


def observation_encoder(
    numbers: int, vision: VisionConfig | None
) -> ObservationNormaliser | ObservationEncoder:
    """Make what encodes `States`: a normaliser of (B, O), or an encoder of `Observations`."""
    if vision is None:
        return ObservationNormaliser(numbers)
    return ObservationEncoder(numbers, vision)
