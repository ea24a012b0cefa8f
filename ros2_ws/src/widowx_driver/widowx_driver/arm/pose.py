# SPDX-License-Identifier: Apache-2.0
"""Poses of ee_gripper_link in base_link and the rotation maths the limits need."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

STRAIGHT_DOWN: FloatArray = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""(3, 3) rotation of a gripper pointing straight down: columns are its axes in base_link."""

SMALL_ANGLE_RAD = 1e-9


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Pose of ee_gripper_link in base_link."""

    position: FloatArray
    """(3,) [m]"""
    rotation: FloatArray
    """(3, 3) rotation matrix"""

    def matrix(self) -> FloatArray:
        """Return the homogeneous transform, (4, 4)."""
        transform = np.eye(4)
        transform[:3, :3] = self.rotation
        transform[:3, 3] = self.position
        return transform

    def quaternion_xyzw(self) -> FloatArray:
        """Return the orientation as a unit quaternion, (4,) in the order x, y, z, w."""
        return matrix_to_quaternion(self.rotation)


def quaternion_to_matrix(quaternion_xyzw: FloatArray) -> FloatArray:
    """Convert a quaternion, (4,) x y z w, normalised here, to a rotation matrix, (3, 3)."""
    x, y, z, w = quaternion_xyzw / np.linalg.norm(quaternion_xyzw)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def matrix_to_quaternion(rotation: FloatArray) -> FloatArray:
    """Convert a rotation matrix, (3, 3), to a unit quaternion, (4,) x y z w with w >= 0."""
    # The largest of the four squared components is the divisor, so none is ever near zero.
    m = rotation
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    squares = np.array([m[0, 0], m[1, 1], m[2, 2], trace]) * 2.0 + 1.0 - trace
    largest = int(np.argmax(squares))
    if largest == 3:
        vector = [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1.0 + trace]
    elif largest == 0:
        vector = [squares[0], m[1, 0] + m[0, 1], m[2, 0] + m[0, 2], m[2, 1] - m[1, 2]]
    elif largest == 1:
        vector = [m[1, 0] + m[0, 1], squares[1], m[2, 1] + m[1, 2], m[0, 2] - m[2, 0]]
    else:
        vector = [m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], squares[2], m[1, 0] - m[0, 1]]
    quaternion = np.array(vector)
    quaternion /= np.linalg.norm(quaternion)
    return -quaternion if quaternion[3] < 0.0 else quaternion


def rotation_from_vector(rotation_vector: FloatArray) -> FloatArray:
    """Return the rotation, (3, 3), by |v| about v for a rotation vector v, (3,) [rad]."""
    angle = float(np.linalg.norm(rotation_vector))
    if angle < SMALL_ANGLE_RAD:
        return np.eye(3)
    half = 0.5 * angle
    return quaternion_to_matrix(np.append(rotation_vector * (np.sin(half) / angle), np.cos(half)))


def rotation_to_vector(rotation: FloatArray) -> FloatArray:
    """Return the rotation vector, (3,) [rad] of length 0..pi, of a rotation matrix, (3, 3)."""
    quaternion = matrix_to_quaternion(rotation)
    sine = float(np.linalg.norm(quaternion[:3]))
    if sine < SMALL_ANGLE_RAD:
        return 2.0 * quaternion[:3]
    return quaternion[:3] * (2.0 * np.arctan2(sine, quaternion[3]) / sine)


def rotation_angle(first: FloatArray, second: FloatArray) -> float:
    """Return the angle [rad], 0..pi, between two rotation matrices, (3, 3) each."""
    return float(np.linalg.norm(rotation_to_vector(second @ first.T)))


def roll_pitch_yaw_to_matrix(roll_pitch_yaw: FloatArray) -> FloatArray:
    """Return the rotation Rz(yaw) Ry(pitch) Rx(roll), (3, 3), of fixed-axis angles, (3,) [rad]."""
    roll, pitch, yaw = roll_pitch_yaw
    cr, sr, cp, sp = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch)
    cy, sy = np.cos(yaw), np.sin(yaw)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def turn_part_way(start: FloatArray, end: FloatArray, fraction: float) -> FloatArray:
    """Return the rotation, (3, 3), that lies `fraction` (0..1) of the way from start to end."""
    return rotation_from_vector(fraction * rotation_to_vector(end @ start.T)) @ start


def split_tilt_and_yaw(rotation: FloatArray) -> tuple[FloatArray, float]:
    """Split a gripper orientation into its tilt from straight down and its yaw.

    This is a swing-twist decomposition: rotation = R(tilt vector) Rz(yaw) STRAIGHT_DOWN, where the
    tilt axis is horizontal. Each part can be limited without changing the other.

    Args:
        rotation: (3, 3) in base_link.

    Returns:
        Tilt as a rotation vector, (3,) [rad] with zero z, and yaw [rad] in -pi..pi.
    """
    x, y, z, w = matrix_to_quaternion(rotation @ STRAIGHT_DOWN.T)
    twist_length = float(np.hypot(z, w))
    if twist_length < SMALL_ANGLE_RAD:
        return np.pi * np.array([x, y, 0.0]), 0.0  # pointing straight up: yaw has no meaning
    cosine, sine = w / twist_length, z / twist_length
    # swing = q * conjugate(twist); its scalar part is twist_length, its z part zero
    swing_x, swing_y = x * cosine - y * sine, y * cosine + x * sine
    swing_sine = float(np.hypot(swing_x, swing_y))
    yaw = 2.0 * np.arctan2(z, w)
    yaw = (yaw + np.pi) % (2.0 * np.pi) - np.pi
    if swing_sine < SMALL_ANGLE_RAD:
        return np.zeros(3), float(yaw)
    tilt = 2.0 * np.arctan2(swing_sine, twist_length) / swing_sine
    return tilt * np.array([swing_x, swing_y, 0.0]), float(yaw)


def join_tilt_and_yaw(tilt_vector: FloatArray, yaw_rad: float) -> FloatArray:
    """Return the rotation, (3, 3), of a tilt vector, (3,) [rad], and a yaw [rad].

    It is the inverse of `split_tilt_and_yaw`.
    """
    turn = rotation_from_vector(np.array([0.0, 0.0, yaw_rad]))
    return rotation_from_vector(tilt_vector) @ turn @ STRAIGHT_DOWN
