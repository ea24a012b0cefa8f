# SPDX-License-Identifier: Apache-2.0
"""The arm: names, places, axes and limits of its joints, its rest pose, and how a read fails.

Source: the manufacturer's description and motor file of the WidowX-250 6DoF.
"""

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

_HALF_TURN_RAD = np.pi - 1e-5


@dataclass(frozen=True, kw_only=True)
class ArmJoint:
    """One revolute joint of the chain; all link frames are parallel when every joint is at 0."""

    name: str
    """name in joint_states and in commands"""
    axis: tuple[float, float, float]
    """unit vector of the axis, in the link's frame"""
    origin_m: tuple[float, float, float]
    """(x, y, z) of the joint, in the frame of the link before it"""
    lower_rad: float
    """the manufacturer's lower limit"""
    upper_rad: float
    """the manufacturer's upper limit"""


ARM_JOINTS = (
    ArmJoint(name='waist', axis=(0, 0, 1), origin_m=(0, 0, 0.072),
             lower_rad=-_HALF_TURN_RAD, upper_rad=_HALF_TURN_RAD),
    ArmJoint(name='shoulder', axis=(0, 1, 0), origin_m=(0, 0, 0.03865),
             lower_rad=np.radians(-108), upper_rad=np.radians(114)),
    ArmJoint(name='elbow', axis=(0, 1, 0), origin_m=(0.04975, 0, 0.25),
             lower_rad=np.radians(-123), upper_rad=np.radians(92)),
    ArmJoint(name='forearm_roll', axis=(1, 0, 0), origin_m=(0.175, 0, 0),
             lower_rad=-_HALF_TURN_RAD, upper_rad=_HALF_TURN_RAD),
    ArmJoint(name='wrist_angle', axis=(0, 1, 0), origin_m=(0.075, 0, 0),
             lower_rad=np.radians(-100), upper_rad=np.radians(123)),
    ArmJoint(name='wrist_rotate', axis=(1, 0, 0), origin_m=(0.065, 0, 0),
             lower_rad=-_HALF_TURN_RAD, upper_rad=_HALF_TURN_RAD),
)  # fmt: skip
"""The arm's joints, from the base to the hand."""
JOINT_NAMES = tuple(joint.name for joint in ARM_JOINTS)
JOINT_SPEED_LIMIT_RAD_S = np.pi
"""Highest speed of a servo: Velocity_Limit of the motor file, 131 times 0.229 rpm."""

END_EFFECTOR_SITE = 'ee_gripper_link'
"""The frame whose pose is commanded; its x axis points along the fingers."""
END_EFFECTOR_OFFSET_M = 0.093575
"""Offset along x from gripper_link, the last joint's link, to ee_gripper_link:
0.043 + 0.023 + 0.027575."""

REST_JOINTS: NDArray[np.float64] = np.array([0.0, -1.80, 1.55, 0.0, 0.8, 0.0])
"""(6,) [rad], the sleep pose of the motor file: the arm lies on itself, the servos may let go."""

FAILED_READ_RAD = -np.pi
"""Position that the arm's driver reports for a joint whose servo it could not read."""
_FAILED_READ_TOLERANCE_RAD = 1e-4
# In single precision the value is 1e-7 off; the next position of a servo is 1.5e-3 away.


def joint_limits(margin_rad: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper joint limits, (6,) each [rad], narrowed by a margin."""
    lower = np.array([joint.lower_rad for joint in ARM_JOINTS]) + margin_rad
    upper = np.array([joint.upper_rad for joint in ARM_JOINTS]) - margin_rad
    return lower, upper


def is_failed_read(position: float) -> bool:
    """Tell whether a position [rad; m for fingers] comes from a failed read: not finite, or -pi.

    It takes one number, not an array: for the few joints of an arm that is many times faster.
    """
    is_sentinel = abs(position - FAILED_READ_RAD) <= _FAILED_READ_TOLERANCE_RAD
    return is_sentinel or not math.isfinite(position)
