# SPDX-License-Identifier: Apache-2.0
"""Computes the pose of the gripper from joint positions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widowx_description.arm import ARM_JOINTS, END_EFFECTOR_OFFSET_M

FloatArray = NDArray[np.float64]


def end_effector_pose(joint_positions: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the pose of ee_gripper_link in base_link.

    Args:
        joint_positions: (6,) waist .. wrist_rotate [rad].

    Returns:
        Position (3,) [m], and rotation (3, 3) whose columns are the axes of ee_gripper_link.
    """
    position, rotation = np.zeros(3), np.eye(3)
    angles = np.asarray(joint_positions, dtype=np.float64)
    for joint, angle in zip(ARM_JOINTS, angles, strict=True):
        position = position + rotation @ np.array(joint.origin_m)
        rotation = rotation @ _turn(np.array(joint.axis, dtype=np.float64), float(angle))
    return position + END_EFFECTOR_OFFSET_M * rotation[:, 0], rotation


def _turn(axis: FloatArray, angle_rad: float) -> FloatArray:
    """Return the rotation (3, 3) about a unit vector (3,), by Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    return np.asarray(cosine * np.eye(3) + sine * cross + (1.0 - cosine) * np.outer(axis, axis))
