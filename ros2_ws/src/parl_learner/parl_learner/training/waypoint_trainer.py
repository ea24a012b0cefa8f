# SPDX-License-Identifier: Apache-2.0
"""Teaches an encoder where the gripper will next close and open, from demonstrations alone."""

from collections.abc import Iterable, Mapping, Sequence
import copy
from dataclasses import dataclass
import math

import torch
from torch.nn.functional import smooth_l1_loss

from parl_learner.replay.observation_table import ObservationTable
from parl_learner.replay.recorded_episode import RecordedEpisode
from parl_learner.replay.waypoints import episode_waypoints, joined, WaypointError, Waypoints
from parl_learner.training.state_tensors import (
    load_optimiser_tensors,
    optimiser_tensors,
    part,
    prefixed,
)
from parl_policy.networks.picture_augmentation import (
    AugmentationConfig,
    augmented,
    draw_augmentation,
)
from parl_policy.networks.waypoint_encoder import WaypointEncoder
from parl_policy.observations import PictureConfig

BATCH = 128
WARM_UP = 100
"""Updates in which the learning rate rises; then it falls to 0 as a cosine."""
AVERAGE_RATE = 0.01
SCALE_M = 0.02
"""Error of a place up to which its loss is quadratic [m]."""
MAP_WEIGHT = 0.3
"""Weight of the maps' cross-entropy beside the loss of the places."""


@dataclass(frozen=True, kw_only=True)
class WaypointTrainerConfig:
    """Numbers of the first stage where policy or critic has an encoder of kind 'waypoints'."""

    steps: int = 600
    """Updates of 128 pictures each."""
    learning_rate: float = 2e-3
    """Highest learning rate of Adam."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.steps < 1 or not self.learning_rate > 0:
            raise ValueError(f'steps and learning_rate must be above 0: {self}')


class WaypointTrainer:
    """Trains a copy of an encoder; the average of its weights is what others get."""

    def __init__(
        self,
        encoder: WaypointEncoder,
        camera: str,
        picture: PictureConfig,
        augmentation: AugmentationConfig,
        config: WaypointTrainerConfig,
    ) -> None:
        """Begin with the encoder's weights.

        Args:
            encoder: An encoder of the networks; it is not changed.
            camera: Name of the camera whose pictures it sees.
            picture: What it sees of them.
            augmentation: Random changes of the pictures. A shift is taken off the keypoints, since
                the places in base_link do not move with it.
            config: Numbers of the training.
        """
        self.camera, self._picture, self.config = camera, picture, config
        self._augmentation = augmentation
        self._trained = copy.deepcopy(encoder).requires_grad_(True)
        self._average = copy.deepcopy(encoder)
        self._optimiser = torch.optim.Adam(
            self._trained.parameters(), lr=config.learning_rate, fused=True
        )
        self._waypoints: Waypoints | None = None

    def take(self, episodes: Sequence[RecordedEpisode], gripper: int) -> None:
        """Take the demonstrations, which are the first episodes of the replay.

        Args:
            episodes: The demonstrations.
            gripper: Number of the action that closes or opens the gripper.

        Raises:
            WaypointError: The camera is not calibrated, or nothing is grasped.
        """
        waypoints = joined(
            [episode_waypoints(each, self.camera, self._picture, gripper) for each in episodes]
        )
        # Where a demonstration failed, the gripper may have closed beside the object.
        succeeded = torch.cat(
            [torch.full((len(each.observations),), each.success) for each in episodes]
        )
        if waypoints.known[succeeded].any():
            waypoints.known[~succeeded] = False
        self._waypoints = waypoints
        self._rows = torch.nonzero(waypoints.known.any(1)).squeeze(1)
        if not len(self._rows):
            raise WaypointError(
                f'the gripper neither closes nor opens in any of {len(episodes)} demonstrations, '
                f'so no place can be learned from them; record some that grasp, or give '
                "policy.vision and critic.vision an encoder of another kind, such as 'keypoints'"
            )

    def update(self, unit: int, states: ObservationTable, generator: torch.Generator) -> float:
        """Do update number `unit`, from 0, on pictures of the demonstrations; return the loss."""
        assert self._waypoints is not None
        if unit == 0:
            self._begin_in_the_middle(self._waypoints)
        rate = min(1.0, (unit + 1) / WARM_UP) * 0.5
        rate *= 1.0 + math.cos(math.pi * unit / self.config.steps)
        self._optimiser.param_groups[0]['lr'] = self.config.learning_rate * rate
        chosen = torch.randint(len(self._rows), (BATCH,), generator=generator)
        rows = self._rows[chosen]
        changes = draw_augmentation(BATCH, self._augmentation, generator)
        pictures = augmented(states[rows].pictures[self.camera], changes)
        maps = self._trained.keypoints.maps(pictures)
        shifts = torch.zeros(BATCH, 2) if changes.shifts is None else changes.shifts.flip(1)
        pixels = torch.tensor([pictures.shape[2], pictures.shape[1]])
        loss = waypoint_loss(self._trained, maps, self._waypoints[rows], shifts / pixels)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self._follow()
        return loss.item()

    @torch.no_grad()
    def give(self, encoders: Iterable[WaypointEncoder]) -> None:
        """Copy the averaged weights to these encoders."""
        for encoder in encoders:
            encoder.load_state_dict(self._average.state_dict())

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the tensors that a checkpoint keeps."""
        return (
            prefixed('trained', self._trained.state_dict())
            | prefixed('average', self._average.state_dict())
            | prefixed('adam', optimiser_tensors(self._optimiser))
        )

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self._trained.load_state_dict(part(state, 'trained'))
        self._average.load_state_dict(part(state, 'average'))
        load_optimiser_tensors(self._optimiser, part(state, 'adam'))

    @torch.no_grad()
    def _begin_in_the_middle(self, waypoints: Waypoints) -> None:
        known = waypoints.known.unsqueeze(-1)
        mean = (waypoints.places * known).sum(0) / known.sum(0).clamp(min=1)
        for encoder in (self._trained, self._average):
            encoder.forms[:, 0] = mean

    @torch.no_grad()
    def _follow(self) -> None:
        averages, trained = tuple(self._average.parameters()), tuple(self._trained.parameters())
        torch._foreach_lerp_(averages, trained, AVERAGE_RATE)


def waypoint_loss(
    encoder: WaypointEncoder, maps: torch.Tensor, waypoints: Waypoints, moved: torch.Tensor
) -> torch.Tensor:
    """Return the loss () of maps: of the places, and of each map's distribution.

    The maps' cross-entropy tells a new network where to look, which the places alone do not: a map
    that is spread over the picture has nearly no gradient.

    Args:
        encoder: Turns the maps into places.
        maps: (B, 2, H, W).
        waypoints: Of the B pictures before they were changed.
        moved: (B, 2) shift to the right and down, as shares of the picture.
    """
    places = encoder.places(maps, moved * torch.tensor([maps.shape[3], maps.shape[2]]))
    errors = smooth_l1_loss(places / SCALE_M, waypoints.places / SCALE_M, reduction='none').sum(-1)
    scores = encoder.keypoints.soft_argmax.scores(maps).transpose(1, 2)  # (B, 2, P)
    shares = waypoints.shares + moved.unsqueeze(1)
    target = bilinear(shares, (maps.shape[2], maps.shape[3]))
    crossed = -(target * scores.log_softmax(-1)).sum(-1)
    return ((errors + MAP_WEIGHT * crossed) * waypoints.known).mean(0).sum()


def bilinear(shares: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return distributions (…, P) over the cells of a map whose mean is a place.

    Args:
        shares: (…, 2) column and row, 0…1; a place outside counts as at the edge.
        size: (H, W) of the map, P = H · W.
    """
    height, width = size
    column, row = shares.unbind(-1)
    across = _hats(column * width - 0.5, width)
    down = _hats(row * height - 0.5, height)
    return (down.unsqueeze(-1) * across.unsqueeze(-2)).flatten(-2)


def _hats(at: torch.Tensor, count: int) -> torch.Tensor:
    """Return the weights (…, count) of the two cells around `at` (…)."""
    cells = torch.arange(count) - at.clamp(0, count - 1).unsqueeze(-1)
    return (1.0 - cells.abs()).clamp(min=0.0)
