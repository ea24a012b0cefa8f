# SPDX-License-Identifier: Apache-2.0
"""The published facts of the WidowX-250 6DoF that the simulated servos need.

Source: vendor description wx250s.urdf.xacro and motor configuration wx250s.yaml.
"""

import math

import numpy as np

ARM_JOINTS = ('waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate')
MOTORS = (*ARM_JOINTS, 'gripper')
JOINT_STATE_NAMES = (*MOTORS, 'left_finger', 'right_finger')
MOTOR_IDS = (1, 2, 4, 6, 7, 8, 9)
DRIVE_MODES = (0, 0, 0, 0, 1, 0, 0)
"""Bit 0 is set for a servo that turns the other way."""
TICK_LIMITS = ((0, 4095), (819, 3345), (648, 3094), (0, 4095), (910, 3447), (0, 4095), (0, 4095))
"""Min_ and Max_Position_Limit [ticks]: 4096 ticks are a turn, 2048 is zero."""
VELOCITY_LIMIT_TICKS = 131
"""Velocity_Limit: 131 x 0.229 rpm = pi rad/s."""
SLEEP_POSITIONS_RAD = (0.0, -1.80, 1.55, 0.0, 0.8, 0.0)

ARM_LOWER_RAD = np.array(
    [-math.pi + 1e-5, -1.88496, -2.14675, -math.pi + 1e-5, -1.74533, -math.pi + 1e-5]
)
ARM_UPPER_RAD = np.array(
    [math.pi - 1e-5, 1.98968, 1.60570, math.pi - 1e-5, 2.14675, math.pi - 1e-5]
)
VELOCITY_LIMIT_RAD_S = math.pi

# The fingers close further than the minimum in the vendor's description, 0.015 m.
FINGER_CLOSED_M = 0.010
FINGER_OPEN_M = 0.037
FINGER_LIMITS_URDF_M = (0.015, 0.037)
FINGER_VELOCITY_LIMIT_M_S = 1.0
_HORN_RADIUS_M = 0.014
_ROD_LENGTH_M = 0.024

# [N m/A] of the motors that sense current; shoulder and elbow count both servos as one.
_TORQUE_CONSTANTS = (1.793, 1.793, 1.793, 0.897, 0.897)
_WRIST_ROTATE_RATED_NM = 1.0

# Manufacturer's figures at 12 V: XM430-W350, wrist_rotate and gripper XL430-W250. Shoulder and
# elbow count both servos as one.
STALL_TORQUES_NM = np.array([4.1, 8.2, 8.2, 4.1, 4.1, 1.5, 1.5])
NO_LOAD_SPEEDS_RAD_S = np.array([4.8, 4.8, 4.8, 4.8, 4.8, 6.4, 6.4])
PWM_LIMIT = 885
CURRENT_LIMIT_MA = 1193
CURRENT_UNIT_MA = 2.69
"""One count of a current."""
CURRENT_MOTORS = range(5)
"""Motors that sense current; the others have no current mode."""


def horn_angle(finger_m: float) -> float:
    """Turn a finger position into the gripper servo's angle.

    Args:
        finger_m: distance of a finger from the centre, about 0.010 to 0.038.

    Returns:
        Angle [rad] of the crank that moves the finger, -pi/2 (closed) to pi/2; from the law of
        cosines in the triangle horn, rod, finger.
    """
    sine = (finger_m**2 + _HORN_RADIUS_M**2 - _ROD_LENGTH_M**2) / (2 * finger_m * _HORN_RADIUS_M)
    return math.asin(min(max(sine, -1.0), 1.0))


def finger_position(horn_rad: float) -> float:
    """Turn the gripper servo's angle [rad] into a finger position [m]; inverse of `horn_angle`.

    The driver does this with every reading: -pi of a failed read gives 0.0195 m.
    """
    across = _HORN_RADIUS_M * math.cos(horn_rad)
    return _HORN_RADIUS_M * math.sin(horn_rad) + math.sqrt(_ROD_LENGTH_M**2 - across**2)


def current_to_torque(motor: int, current_ma: float) -> float:
    """Return the torque [N m] of a motor that senses current."""
    return 0.001 * current_ma * _TORQUE_CONSTANTS[motor]


def horn_angle_rate(finger_m: float) -> float:
    """Return the derivative of `horn_angle` [rad/m], bounded at the dead points of the crank."""
    step = 1e-5
    return (horn_angle(finger_m + step) - horn_angle(finger_m - step)) / (2 * step)


def motor_efforts(torques: list[float]) -> list[float]:
    """Convert torques to the efforts that the servos report.

    Args:
        torques: of each arm joint [N m], and the force on the finger [N].

    Returns:
        Current [mA] of the five motors that sense it. The others report their load [0.1 %]; the
        arm's driver takes it for a current and multiplies it by 2.69, too.
    """
    *sensed, rotate_nm, finger_n = torques
    currents_ma = [
        1000.0 * torque_nm / constant
        for torque_nm, constant in zip(sensed, _TORQUE_CONSTANTS, strict=True)
    ]
    loads = (rotate_nm / _WRIST_ROTATE_RATED_NM, finger_n * _HORN_RADIUS_M)
    permille = [min(max(1000.0 * load, -1000.0), 1000.0) for load in loads]
    return currents_ma + [CURRENT_UNIT_MA * load for load in permille]
