# SPDX-License-Identifier: Apache-2.0
"""Published kinematics of the WidowX-250 6DoF arm, and the model the solver works on."""

from dataclasses import dataclass

import numpy as np

from widowx_driver.arm.pose import FloatArray

END_EFFECTOR_SITE = 'ee_gripper_link'
END_EFFECTOR_OFFSET_M = 0.093575
"""ee_gripper_link from gripper_link along x: 0.043 + 0.023 + 0.027575 (manufacturer's URDF)."""

HALF_TURN_RAD = np.pi - 1e-5

FINGER_CLOSED_M = 0.010
FINGER_OPEN_M = 0.037
"""left_finger position at opening 0 and 1; right_finger is its negative."""


@dataclass(frozen=True, kw_only=True)
class ArmJoint:
    """One revolute joint of the chain; all link frames are parallel at zero."""

    name: str
    """joint name in joint_states"""
    axis: tuple[float, float, float]
    """unit vector in the link frame"""
    origin_m: tuple[float, float, float]
    """in the parent link's frame"""
    lower_rad: float
    """manufacturer's lower limit"""
    upper_rad: float
    """manufacturer's upper limit"""


ARM_JOINTS = (
    ArmJoint(name='waist', axis=(0, 0, 1), origin_m=(0, 0, 0.072),
             lower_rad=-HALF_TURN_RAD, upper_rad=HALF_TURN_RAD),
    ArmJoint(name='shoulder', axis=(0, 1, 0), origin_m=(0, 0, 0.03865),
             lower_rad=np.radians(-108), upper_rad=np.radians(114)),
    ArmJoint(name='elbow', axis=(0, 1, 0), origin_m=(0.04975, 0, 0.25),
             lower_rad=np.radians(-123), upper_rad=np.radians(92)),
    ArmJoint(name='forearm_roll', axis=(1, 0, 0), origin_m=(0.175, 0, 0),
             lower_rad=-HALF_TURN_RAD, upper_rad=HALF_TURN_RAD),
    ArmJoint(name='wrist_angle', axis=(0, 1, 0), origin_m=(0.075, 0, 0),
             lower_rad=np.radians(-100), upper_rad=np.radians(123)),
    ArmJoint(name='wrist_rotate', axis=(1, 0, 0), origin_m=(0.065, 0, 0),
             lower_rad=-HALF_TURN_RAD, upper_rad=HALF_TURN_RAD),
)  # fmt: skip
JOINT_NAMES = tuple(joint.name for joint in ARM_JOINTS)
REST_JOINTS = np.array([0.0, -1.80, 1.55, 0.0, 0.8, 0.0])
"""Sleep pose of the vendor's motor file [rad]: the arm lies on itself and may be let go."""
FINGER_NAME = 'left_finger'
GRIPPER_NAME = 'gripper'


def joint_limits(margin_rad: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper joint limits, (6,) each [rad], drawn in by a margin."""
    lower = np.array([joint.lower_rad for joint in ARM_JOINTS]) + margin_rad
    upper = np.array([joint.upper_rad for joint in ARM_JOINTS]) - margin_rad
    return lower, upper


def arm_mjcf(margin_rad: float = 0.0) -> str:
    """Return the arm as MuJoCo XML: massless in effect, no geometry, joint ranges with margin."""
    lower, upper = joint_limits(margin_rad)
    chain = f'<site name="{END_EFFECTOR_SITE}" pos="{END_EFFECTOR_OFFSET_M} 0 0"/>'
    for joint, low, high in reversed(list(zip(ARM_JOINTS, lower, upper, strict=True))):
        origin = ' '.join(str(value) for value in joint.origin_m)
        axis = ' '.join(str(value) for value in joint.axis)
        chain = (
            f'<body pos="{origin}"><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
            f'<joint name="{joint.name}" axis="{axis}" range="{low:.9f} {high:.9f}"/>'
            f'{chain}</body>'
        )
    return (
        '<mujoco model="wx250s"><compiler angle="radian" autolimits="true"/>'
        f'<worldbody>{chain}</worldbody></mujoco>'
    )


def finger_from_opening(opening: float) -> float:
    """Return the left_finger position [m] of a gripper opening in 0 (closed) .. 1 (open)."""
    return FINGER_CLOSED_M + opening * (FINGER_OPEN_M - FINGER_CLOSED_M)


def opening_from_finger(finger_m: float) -> float:
    """Return the gripper opening, clipped to 0..1, of a left_finger position [m]."""
    opening = (finger_m - FINGER_CLOSED_M) / (FINGER_OPEN_M - FINGER_CLOSED_M)
    return float(np.clip(opening, 0.0, 1.0))
