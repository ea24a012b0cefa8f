# SPDX-License-Identifier: Apache-2.0
"""Builds the observation of policy and critic from what the station measures and sees."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from parl_files.recording.film import decode_picture, encode_picture
from parl_policy.episode.action_space import Target, vector_from_rotation
from parl_policy.observations import NEAR_M, Observation, Size
from parl_policy.policy import ObservationError

R_DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Rotation of `ee_gripper_link` pointing straight down (Bridge's zero rotation)."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A camera frame (H, W, 3) uint8 RGB, and its node time [s]."""

    stamp_s: float
    pixels: np.ndarray


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
        frames: The newest frame of each camera that was asked for and of which there is one.
    """

    target: Target
    gripper_opening: float
    object_positions: np.ndarray
    object_visible: np.ndarray
    stamp_s: float
    verdict: int
    frames: Mapping[str, Frame] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ObservationLayout:
    """What an observation holds: numbers in m, rad or 0…1, pictures, and the instruction."""

    object_names: tuple[str, ...]
    """Objects of the task, in the order of its file."""
    cameras: Mapping[str, Size] = field(default_factory=dict)
    """Recorded size of each camera whose pictures take the place of the objects' positions."""
    instruction: str = ''
    """What the robot is to do."""
    tables: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Calibration of each camera that has one; see `parl_files.recording.film.Film.table`."""

    @property
    def names(self) -> list[str]:
        """Name of every number, in order; `…_from_ee_asinh_x` is asinh(offset / `NEAR_M`)."""
        names = ['ee_z', 'ee_rx', 'ee_ry', 'ee_rz', 'gripper_target', 'gripper_opening']
        if self.cameras:
            return ['ee_x', 'ee_y', *names]
        for name in self.object_names:
            names += [f'{name}_from_ee_asinh_{axis}' for axis in 'xy'] + [f'{name}_visible']
        return names

    def record(self, state: StationState) -> dict[str, bytes]:
        """Return the compressed pictures of the observed cameras, as they are kept.

        Raises:
            ObservationError: A camera has no frame, or a smaller one; it is named.
        """
        recorded = {}
        for camera, size in self.cameras.items():
            frame = state.frames.get(camera)
            if frame is None:
                raise ObservationError(f'there is no frame of the camera {camera!r}')
            if min(np.subtract(frame.pixels.shape[:2], size)) < 0:
                raise ObservationError(
                    f'the frames of the camera {camera!r} are {frame.pixels.shape[:2]}, less than '
                    f'the {size} that are to be recorded; set `cameras.{camera}` to at most that'
                )
            recorded[camera] = compressed_picture(frame.pixels, size)
        return recorded

    def observe(
        self, state: StationState, recorded: Mapping[str, bytes] | None = None
    ) -> Observation:
        """Build the observation.

        Object positions are relative to the gripper, so that what is learned at one place holds
        at another. Their scale is fine near the gripper, because a few millimetres decide whether
        a grasp succeeds, and on the scale of the table a network learns such differences last.
        Objects are located on a plane, so only their x and y are known.

        Args:
            state: The inputs of the control step.
            recorded: What `record` returned; what is seen is what is kept, to the bit.

        Raises:
            ObservationError: A number is not finite; it is named.
        """
        target = state.target
        arm = [
            target.position[2],
            *vector_from_rotation(target.rotation @ R_DOWN.T),
            target.gripper,
            state.gripper_opening,
        ]
        others = [*target.position[:2]] if self.cameras else []
        objects = [] if self.cameras else self._objects(state)
        numbers = np.array([*others, *arm, *objects], dtype=np.float32)
        pairs = zip(self.names, numbers, strict=True)
        bad = [name for name, value in pairs if not np.isfinite(value)]
        if bad:
            raise ObservationError(
                f'observation is not finite in {", ".join(bad)}: has the camera seen every object '
                'of the task since the reset?'
            )
        pictures = {camera: decode_picture(data) for camera, data in (recorded or {}).items()}
        return Observation(numbers, pictures, self.instruction)

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


def table_in_picture(pixels: np.ndarray, points: np.ndarray, size: Size) -> np.ndarray:
    """Return the homography (3, 3) of a `Film` from marks on the table.

    Args:
        pixels: (N, 2) column and row of each mark [px], N >= 4.
        points: (N, 2) x and y of each mark in base_link [m].
        size: (height, width) [px] of the frames in which the pixels were found.

    Raises:
        ObservationError: The marks fix no plane.
    """
    shares = (np.asarray(pixels) + 0.5) / np.array([size[1], size[0]])
    matrix = cv2.findHomography(np.asarray(points), shares, 0)[0] if len(points) > 3 else None
    if matrix is None or not np.isfinite(matrix).all():
        raise ObservationError(
            f'the table points {pixels} and {points} fix no plane; touch others'
        )
    return matrix


def compressed_picture(pixels: np.ndarray, size: Size) -> bytes:
    """Return a frame (H, W, 3) uint8 RGB as a JPEG of that size."""
    if pixels.shape[:2] != size:
        pixels = cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return encode_picture(pixels)
