# SPDX-License-Identifier: Apache-2.0
"""What comes before a network's first layer: normalised numbers, and features of pictures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import nn

from parl_policy.networks.observation_normaliser import ObservationNormaliser
from parl_policy.networks.picture_augmentation import AugmentationConfig
from parl_policy.networks.picture_encoder import EncoderConfig, picture_encoder, PictureEncoder
from parl_policy.observations import Observations, PictureConfig


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

    def forward(self, observations: Observations) -> torch.Tensor:
        """Encode B observations: (B, features)."""
        seen = [
            encoder(observations.pictures[camera]) for camera, encoder in self.encoders.items()
        ]
        return torch.cat([*seen, self.normaliser(observations.numbers)], dim=1)


def observation_encoder(
    numbers: int, vision: VisionConfig | None
) -> ObservationNormaliser | ObservationEncoder:
    """Make what encodes `States`: a normaliser of (B, O), or an encoder of `Observations`."""
    if vision is None:
        return ObservationNormaliser(numbers)
    return ObservationEncoder(numbers, vision)
