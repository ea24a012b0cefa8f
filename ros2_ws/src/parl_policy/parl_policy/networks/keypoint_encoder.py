# SPDX-License-Identifier: Apache-2.0
"""Encoder that finds points in a picture: convolutions, then a spatial soft-argmax.

The soft-argmax is that of Levine et al. (1504.00702) and Finn et al. (1509.06113): each channel of
the last map is a distribution over pixels, by softmax, and becomes its expected position.
"""

import torch
from torch import nn

from parl_policy.networks.convolution import after_stem, Convolution, map_type, scaled, stem

SHARPNESS = 4.0
"""Factor of the scores. With 1 the points of a new network move by about 0.004 between pictures; a
learnt factor stays where it began. Of 1, e, e², e³ and e⁴, e and e² found a square best."""


class SoftArgmax(nn.Module):
    """Expected positions of K distributions over the pixels of maps, computed in float32."""

    places: torch.Tensor
    """(2, P): x and y of each pixel; the map spans -1…1 in both directions."""

    def __init__(self, size: tuple[int, int]) -> None:
        """Make one for maps of height and width `size`."""
        super().__init__()
        y, x = (
            torch.linspace(-1.0, 1.0, count) if count > 1 else torch.zeros(1) for count in size
        )
        places = torch.stack([x.repeat(size[0]), y.repeat_interleave(size[1])])
        self.register_buffer('places', places, persistent=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return positions (B, K, 2), x before y, of maps (B, K, H, W)."""
        scores = self.scores(maps)
        # bmm and not @, which would copy; softmax over the second dimension takes half the time of
        # that over the last.
        found = torch.bmm(self.places.expand(len(maps), -1, -1), scores.softmax(1))
        return found.transpose(1, 2)

    @staticmethod
    def scores(maps: torch.Tensor) -> torch.Tensor:
        """Return the distributions before the softmax, (B, P, K) in float32."""
        return maps.permute(0, 2, 3, 1).flatten(1, 2).float() * SHARPNESS


class KeypointEncoder(nn.Module):
    """Positions of K points in a picture.

    How peaked a distribution is would say whether its point is there; such a feature, near 0.8 in
    a new network, slowed the learning of a critic, and did not help after its mean was taken off.

    Attributes:
        features: Number of output features, 2·K.
    """

    def __init__(self, size: tuple[int, int], widths: tuple[int, ...], keypoints: int) -> None:
        """Make an untrained encoder.

        Args:
            size: Height and width of the pictures.
            widths: Channels of each convolution before the last, which has a channel a point.
            keypoints: K.
        """
        super().__init__()
        self.features = 2 * keypoints
        self.map_type = map_type()
        layers: list[nn.Module] = [stem(widths[0]), nn.ReLU()]
        for before, width in zip(widths, (*widths[1:], keypoints), strict=True):
            layers += [Convolution(before, width, 3), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers[:-1])
        self.soft_argmax = SoftArgmax(after_stem(size))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Encode pictures (B, H, W, 3) of 0…255: (B, features) in -1…1."""
        positions: torch.Tensor = self.soft_argmax(self.maps(pictures))
        return positions.flatten(1)

    def maps(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the maps (B, K, H / 4, W / 4) of pictures (B, H, W, 3) of 0…255."""
        maps: torch.Tensor = self.convolutions(scaled(pictures, self.map_type))
        return maps
