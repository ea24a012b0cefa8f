# SPDX-License-Identifier: Apache-2.0
"""Reads the arm's state from joint_states, and says why a state cannot be believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math

import numpy as np

from widowx_description.arm import is_failed_read, joint_limits, JOINT_NAMES
from widowx_description.finger import GRIPPER_NAME, LEFT_FINGER_NAME
from widowx_driver.arm.pose import FloatArray

OUTSIDE_LIMITS_TOLERANCE_RAD = 0.15
"""A joint measured further outside the manufacturer's limits than this was misread."""
_LOWER, _UPPER = joint_limits(-OUTSIDE_LIMITS_TOLERANCE_RAD)
_LIMITS = tuple(zip(_LOWER.tolist(), _UPPER.tolist(), strict=True))


@dataclass(frozen=True, kw_only=True)
class ArmState:
    """One joint_states message."""

    stamp_s: float
    """time of publication [s]"""
    joint_positions: FloatArray
    """(6,) waist .. wrist_rotate [rad]; NaN where missing"""
    finger_m: float
    """left_finger position [m]; NaN where missing"""
    efforts: FloatArray | None = None
    """(6,) [mA; at wrist_rotate 2.69 for each 0.1 % of load]; None if not reported"""
    gripper_effort: float = float('nan')
    """2.69 for each 0.1 % of load of the gripper's servo; NaN if not reported"""
    fault: str = ''
    """why this state cannot be believed; empty if it can"""


def read_arm_state(
    stamp_s: float,
    names: Sequence[str],
    positions: Sequence[float],
    efforts: Sequence[float] = (),
) -> ArmState:
    """Pick the arm's joints out of named positions and judge them.

    Args:
        stamp_s: Time of the message.
        names: Joint names, in any order, with or without others.
        positions: One per name [rad; m for fingers].
        efforts: One per name, or none.

    Returns:
        The state; its fault names the first joint that is missing, not finite, exactly -pi
        (the real driver's answer to a failed bus read) or far outside its limits.
    """
    by_name = dict(zip(names, positions, strict=False))
    joints = np.array([by_name.get(name, np.nan) for name in JOINT_NAMES], dtype=np.float64)
    pushes = dict(zip(names, efforts, strict=False))
    has_efforts = all(name in pushes for name in JOINT_NAMES)
    return ArmState(
        stamp_s=stamp_s,
        joint_positions=joints,
        efforts=np.array([pushes[name] for name in JOINT_NAMES]) if has_efforts else None,
        gripper_effort=float(pushes.get(GRIPPER_NAME, np.nan)),
        finger_m=float(by_name.get(LEFT_FINGER_NAME, np.nan)),
        fault=_fault(stamp_s, joints, by_name),
    )


def _fault(stamp_s: float, joints: FloatArray, by_name: Mapping[str, float]) -> str:
    measured = joints.tolist()
    others = (by_name.get(GRIPPER_NAME, 0.0), by_name.get(LEFT_FINGER_NAME, math.nan))
    is_inside = all(low <= at <= high for at, (low, high) in zip(measured, _LIMITS, strict=True))
    if math.isfinite(stamp_s) and is_inside and not any(map(is_failed_read, (*measured, *others))):
        return ''
    if not math.isfinite(stamp_s):
        return f'joint_states: stamp is {stamp_s}'
    for name in (*JOINT_NAMES, LEFT_FINGER_NAME):
        if name not in by_name:
            return f'joint_states: {name} is missing; check robot_model and the motor file'
    limits = dict(zip(JOINT_NAMES, _LIMITS, strict=True))
    faults = (
        _position_fault(name, by_name.get(name), limits.get(name))
        for name in (*JOINT_NAMES, GRIPPER_NAME, LEFT_FINGER_NAME)
    )
    return next(filter(None, faults), '')


def _position_fault(name: str, position: float | None, limits: tuple[float, float] | None) -> str:
    if position is None:
        return ''
    if is_failed_read(position):
        shown = '-pi' if math.isfinite(position) else position
        return f'joint_states: {name} is {shown}: failed bus read; check cable and power'
    if limits and not limits[0] <= position <= limits[1]:
        return f'joint_states: {name} is {position:.3f} rad, outside its travel; check its homing'
    return ''
