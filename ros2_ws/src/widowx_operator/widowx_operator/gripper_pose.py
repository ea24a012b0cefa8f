# SPDX-License-Identifier: Apache-2.0
"""Where the gripper is, from joint positions: published kinematics of the WidowX-250 6DoF."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from parl_files.error import ParlError

JOINTS = {
    'waist': ('z', (0.0, 0.0, 0.072)),
    'shoulder': ('y', (0.0, 0.0, 0.03865)),
    'elbow': ('y', (0.04975, 0.0, 0.25)),
    'forearm_roll': ('x', (0.175, 0.0, 0.0)),
    'wrist_angle': ('y', (0.075, 0.0, 0.0)),
    'wrist_rotate': ('x', (0.065, 0.0, 0.0)),
}
"""Axis, and origin in the frame before it [m]; all frames are parallel at zero."""
END_EFFECTOR_M = 0.093575
"""ee_gripper_link from the last joint, along x."""
FINGERTIP_M = 0.016
"""Tip of the closed fingers from ee_gripper_link, along its x axis."""


class JointStateError(ParlError):
    """joint_states do not say where the arm is."""


@dataclass(frozen=True)
class GripperPose:
    """Pose of ee_gripper_link in base_link.

    Attributes:
        position: (3,) [m].
        rotation: (3, 3), columns are the axes of ee_gripper_link.
    """

    position: np.ndarray
    rotation: np.ndarray

    @property
    def fingertip(self) -> np.ndarray:
        """(3,) [m] in base_link: between the tips of the fingers."""
        return self.position + FINGERTIP_M * self.rotation[:, 0]


def gripper_pose(names: Sequence[str], positions: Sequence[float]) -> GripperPose:
    """Find the gripper from a joint state.

    Args:
        names: Joint names, in any order.
        positions: One per name [rad].

    Raises:
        JointStateError: A joint is missing, not finite, or -pi: the arm's answer to a failed read.
    """
    measured = dict(zip(names, positions, strict=False))
    position, rotation = np.zeros(3), np.eye(3)
    for name, (axis, origin) in JOINTS.items():
        angle = measured.get(name, np.nan)
        if not np.isfinite(angle) or abs(angle + np.pi) < 1e-4:
            raise JointStateError(
                f'joint_states: {name} is {measured.get(name, "missing")}: failed read; check '
                'cable and power'
            )
        position = position + rotation @ np.array(origin)
        rotation = rotation @ _turn(axis, angle)
    return GripperPose(position + rotation @ np.array([END_EFFECTOR_M, 0.0, 0.0]), rotation)


def _turn(axis: str, angle: float) -> np.ndarray:
    """Rotation (3, 3) about a coordinate axis [rad]."""
    first, second = {'x': (1, 2), 'y': (2, 0), 'z': (0, 1)}[axis]
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[second, first] = np.sin(angle)
    turn[first, second] = -np.sin(angle)
    return turn
