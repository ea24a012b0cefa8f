# SPDX-License-Identifier: Apache-2.0
"""Builds the observation of policy and critic: a flat vector of named numbers and of pixels."""

from dataclasses import dataclass

import cv2
import numpy as np

from parl_files.observation_names import image_name
from parl_policy.episode.action_space import Target, vector_from_rotation
from parl_policy.policy import ObservationError

R_DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Rotation of `ee_gripper_link` pointing straight down (Bridge's zero rotation)."""


NEAR_M = 0.01
"""Distance up to which an object's offset from the gripper has a linear scale [m]."""


@dataclass(frozen=True)
class StationState:
    """The inputs of one control step, all of the same moment.

    Attributes:
        target: Last executed target.
        gripper_opening: Measured opening, 0 closed … 1 open.
        object_positions: (K, 3) [m] in `base_link`, in the order of the task file; the last seen
            position if an object is not visible.
        object_visible: (K,) bool.
        stamp_s: Node time of the camera frame [s].
        verdict: parl_msgs/Reward verdict on that frame (0 unknown, 1 failure, 2 success).
        frame: (H, W, 3) uint8 RGB, the camera frame itself; None if it was not asked for.
    """

    target: Target
    gripper_opening: float
    object_positions: np.ndarray
    object_visible: np.ndarray
    stamp_s: float
    verdict: int
    frame: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class ObservationLayout:
    """Entries of an observation and their order; units are m, rad, 0…1, pixels 0…255."""

    object_names: tuple[str, ...]
    """Objects of the task, in the order of its file."""
    image_size: tuple[int, int] | None = None
    """(height, width) of the camera image that replaces the objects' positions [px]."""

    @property
    def names(self) -> list[str]:
        """Name of every entry, in order.

        `…_from_ee_asinh_x` is asinh(offset / `NEAR_M`). An image has one name, see `image_name`.
        """
        names = ['ee_z', 'ee_rx', 'ee_ry', 'ee_rz', 'gripper_target', 'gripper_opening']
        if self.image_size is not None:
            return [image_name((3, *self.image_size)), 'ee_x', 'ee_y', *names]
        for name in self.object_names:
            names += [f'{name}_from_ee_asinh_{axis}' for axis in 'xy'] + [f'{name}_visible']
        return names

    def observe(self, state: StationState) -> np.ndarray:
        """Build the observation vector.

        Object positions are relative to the gripper, so that what is learned at one place holds
        at another. Their scale is fine near the gripper, because a few millimetres decide whether
        a grasp succeeds, and on the scale of the table a network learns such differences last.
        Objects are located on a plane, so only their x and y are known.

        Returns:
            (O,) float32, in the order of `names`.

        Raises:
            ObservationError: There is no frame, or an entry is not finite; it is named.
        """
        target = state.target
        arm = [
            target.position[2],
            *vector_from_rotation(target.rotation @ R_DOWN.T),
            target.gripper,
            state.gripper_opening,
        ]
        if self.image_size is None:
            values = np.array([*arm, *self._objects(state)], dtype=np.float32)
        else:
            values = np.array([*target.position[:2], *arm], dtype=np.float32)
        names = self.names[-len(values) :]
        bad = [name for name, value in zip(names, values, strict=True) if not np.isfinite(value)]
        if bad:
            raise ObservationError(
                f'observation is not finite in {", ".join(bad)}: has the camera seen every object '
                'of the task since the reset?'
            )
        if self.image_size is None:
            return values
        return np.concatenate([_pixels(state.frame, *self.image_size), values])

    def _objects(self, state: StationState) -> list[float]:
        if len(state.object_positions) != len(self.object_names):
            raise ObservationError(
                f'{len(state.object_positions)} objects seen, the task has {self.object_names}'
            )
        values = []
        for position, visible in zip(state.object_positions, state.object_visible, strict=True):
            offset = (position - state.target.position)[:2]
            values += [*np.arcsinh(offset / NEAR_M), float(visible)]
        return values


def _pixels(frame: np.ndarray | None, height: int, width: int) -> np.ndarray:
    """Return the pixels (3 · height · width,) float32, channel by channel."""
    if frame is None:
        raise ObservationError(
            'the observation holds an image, but no camera frame was kept for it'
        )
    small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    return small.transpose(2, 0, 1).reshape(-1).astype(np.float32)
