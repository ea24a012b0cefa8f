# SPDX-License-Identifier: Apache-2.0
"""Computes where the gripper and its fingertips are from joint_states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from parl_files.error import ParlError
from widowx_description.arm import is_failed_read, JOINT_NAMES
from widowx_description.finger import FINGERTIP_M
from widowx_description.kinematics import end_effector_pose


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
        """Point between the fingertips, (3,) [m] in base_link."""
        return self.position + FINGERTIP_M * self.rotation[:, 0]


def gripper_pose(names: Sequence[str], positions: Sequence[float]) -> GripperPose:
    """Return the pose of the gripper at a joint state.

    Args:
        names: Joint names, in any order.
        positions: One per name [rad].

    Raises:
        JointStateError: A joint is missing, not finite, or -pi: the arm's answer to a failed read.
    """
    measured = dict(zip(names, positions, strict=False))
    angles = [measured.get(name, np.nan) for name in JOINT_NAMES]
    for name, is_failed in zip(JOINT_NAMES, map(is_failed_read, angles), strict=True):
        if is_failed:
            raise JointStateError(
                f'joint_states: {name} is {measured.get(name, "missing")}: failed read; check '
                'cable and power'
            )
    return GripperPose(*end_effector_pose(angles))
