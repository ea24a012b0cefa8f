# SPDX-License-Identifier: Apache-2.0
"""Where the gripper closes and opens next: known afterwards, at every step of an episode."""

from dataclasses import dataclass

import numpy as np
import torch

from parl_files.error import ParlError
from parl_learner.replay.recorded_episode import RecordedEpisode
from parl_policy.networks.waypoint_encoder import WAYPOINTS
from parl_policy.observations import PictureConfig


class WaypointError(ParlError, ValueError):
    """Waypoints cannot be taught with these episodes."""


@dataclass(frozen=True)
class Waypoints:
    """The next closing and the next opening of the gripper at B states.

    Attributes:
        places: (B, 2, 3) position of the gripper then [m], in base_link.
        shares: (B, 2, 2) column and row of the point of the table below, as shares of what is seen
            of the picture.
        known: (B, 2) bool, whether it still comes in the episode.
    """

    places: torch.Tensor
    shares: torch.Tensor
    known: torch.Tensor

    def __getitem__(self, rows: torch.Tensor) -> 'Waypoints':
        """Return some rows."""
        return Waypoints(self.places[rows], self.shares[rows], self.known[rows])


def episode_waypoints(
    episode: RecordedEpisode, camera: str, picture: PictureConfig, gripper: int
) -> Waypoints:
    """Return the waypoints at the N + 1 states of an episode.

    Args:
        episode: Whose observations begin with the gripper's position (x, y, z) [m].
        camera: Name of the camera.
        picture: What is seen of its pictures.
        gripper: Number of the action that closes (below 0) or opens the gripper.

    Raises:
        WaypointError: The camera is not calibrated.
    """
    table = getattr(episode.films[camera], 'table', None)
    if table is None:
        raise WaypointError(
            f'episode {episode.episode_id}: the camera {camera!r} is not calibrated; an encoder '
            'of waypoints needs camera.table_points in the task file of the recording'
        )
    positions = episode.observations[:, :3]
    closes = episode.actions[:, gripper] < 0.0
    count = len(positions)
    places = np.repeat(positions[:, np.newaxis], WAYPOINTS, axis=1)
    known = np.zeros((count, WAYPOINTS), bool)
    for step in reversed(range(len(closes) - 1)):
        places[step], known[step] = places[step + 1], known[step + 1]
        if closes[step + 1] != closes[step]:
            which = 0 if closes[step + 1] else 1
            places[step, which], known[step, which] = positions[step + 1], True
    flat = np.concatenate([places[..., :2], np.ones((count, WAYPOINTS, 1))], axis=-1)
    seen = flat @ table.T
    shares = picture.within(seen[..., :2] / seen[..., 2:])
    return Waypoints(
        torch.tensor(places), torch.tensor(shares, dtype=torch.float32), torch.tensor(known)
    )


def joined(parts: list[Waypoints]) -> Waypoints:
    """Return the waypoints of several episodes, one after the other."""
    return Waypoints(
        torch.cat([part.places for part in parts]),
        torch.cat([part.shares for part in parts]),
        torch.cat([part.known for part in parts]),
    )
