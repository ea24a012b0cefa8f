# SPDX-License-Identifier: Apache-2.0
"""Encoder that foretells, from a picture alone, where the gripper will next close and open.

What is to be grasped, and where it is to be put, is taught without labels. In a demonstration the
place is known at which the gripper closed or opened later, and the camera's calibration gives its
place in the picture. Such keyframes are those of James and Davison (arXiv 2105.14829); each is
found by a map of its own and a soft-argmax (Levine et al., arXiv 1504.00702). A place comes from
its map and from nothing else: a network that may look at the arm as well learns to read the place
off the arm, which is on its way there, and is lost where it must decide by itself.
"""

import torch
from torch import nn

from parl_policy.networks.keypoint_encoder import KeypointEncoder
from parl_policy.networks.patch_maps import PatchMaps

WAYPOINTS = 2
"""The next closing and the next opening of the gripper."""


class WaypointEncoder(nn.Module):
    """Both waypoints of a picture, (x, y, z) [m] in base_link.

    It learns on a copy (`parl_learner.training.waypoint_trainer`); its own weights are frozen.

    Attributes:
        features: Number of output features.
    """

    def __init__(self, keypoints: KeypointEncoder | PatchMaps) -> None:
        """Make an untrained encoder around what makes a map of each waypoint."""
        super().__init__()
        self.features = 3 * WAYPOINTS
        self.keypoints = keypoints
        self.forms = nn.Parameter(torch.zeros(WAYPOINTS, 6, 3))
        """Quadratic forms that turn a keypoint into a place: the camera's view of one height."""
        self.requires_grad_(False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the places (B, features) [m] in pictures (B, H, W, 3) of 0…255."""
        return self.places(self.keypoints.maps(pictures)).flatten(1)

    def places(self, maps: torch.Tensor, moved: torch.Tensor | None = None) -> torch.Tensor:
        """Return the places (B, 2, 3) [m] that maps (B, 2, H, W) show.

        Args:
            maps: Of the keypoints.
            moved: (B, 2) cells right and down by which the maps of augmented pictures are moved;
                places do not move with them.
        """
        positions = self.keypoints.soft_argmax(maps)
        if moved is not None:
            cells = torch.tensor([maps.shape[3] - 1, maps.shape[2] - 1])
            positions = positions - (2.0 * moved / cells).unsqueeze(1)
        x, y = positions.unbind(-1)
        terms = torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], dim=-1)
        return torch.einsum('bwt,wtc->bwc', terms, self.forms)
