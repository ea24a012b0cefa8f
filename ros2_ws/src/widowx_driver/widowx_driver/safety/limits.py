# SPDX-License-Identifier: Apache-2.0
"""Limits on targets and joint positions: each returns the limited value and whether it acted.

A value inside its limit comes back unchanged (the same array), so every limit is idempotent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from widowx_driver.arm.pose import (
    FloatArray,
    join_tilt_and_yaw,
    Pose,
    rotation_from_vector,
    rotation_to_vector,
    split_tilt_and_yaw,
    turn_part_way,
)
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import Workspace

TOLERANCE = 1e-9
"""Excess, in m or rad, that is rounding and not a violation."""

BISECTIONS = 16


@dataclass(frozen=True, kw_only=True)
class LimitedPose:
    """A pose inside every limit."""

    pose: Pose
    acted: tuple[str, ...]
    """names of the limits that changed it; empty if none"""


def clip_to_box(
    position: FloatArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, bool]:
    """Move a position, (3,) [m], to the nearest point of the box."""
    if np.all(position >= low) and np.all(position <= high):
        return position, False
    return np.clip(position, low, high), True


def limit_translation_step(
    position: FloatArray, origin: FloatArray, max_step_m: float
) -> tuple[FloatArray, bool]:
    """Shorten a step, keeping its direction, until no axis moves further than the limit.

    Args:
        position: (3,) wanted position in base_link [m].
        origin: (3,) last executed position in base_link [m].
        max_step_m: Largest change of x, y or z: the bound of a normalised action.
    """
    step = position - origin
    largest = float(np.max(np.abs(step)))
    if largest <= max_step_m + TOLERANCE:
        return position, False
    return origin + step * (max_step_m / largest), True


def limit_rotation_step(
    rotation: FloatArray, origin: FloatArray, max_step_rad: float
) -> tuple[FloatArray, bool]:
    """Shorten a turn, keeping its axis, until its rotation vector obeys the limit on every axis.

    Args:
        rotation: (3, 3) wanted rotation in base_link.
        origin: (3, 3) last executed rotation in base_link.
        max_step_rad: Largest turn about x, y or z of base_link: the bound of a normalised action.
    """
    turn = rotation_to_vector(rotation @ origin.T)
    largest = float(np.max(np.abs(turn)))
    if largest <= max_step_rad + TOLERANCE:
        return rotation, False
    return rotation_from_vector(turn * (max_step_rad / largest)) @ origin, True


def limit_tilt(rotation: FloatArray, max_tilt_rad: float) -> tuple[FloatArray, bool]:
    """Reduce the tilt of a gripper rotation, (3, 3), to the limit; its yaw stays."""
    tilt_vector, yaw = split_tilt_and_yaw(rotation)
    tilt = float(np.linalg.norm(tilt_vector))
    if tilt <= max_tilt_rad + TOLERANCE:
        return rotation, False
    return join_tilt_and_yaw(tilt_vector * (max_tilt_rad / tilt), yaw), True


def limit_yaw(rotation: FloatArray, max_yaw_rad: float) -> tuple[FloatArray, bool]:
    """Reduce the yaw of a gripper rotation, (3, 3), to the limit; its tilt stays."""
    tilt_vector, yaw = split_tilt_and_yaw(rotation)
    if abs(yaw) <= max_yaw_rad + TOLERANCE:
        return rotation, False
    return join_tilt_and_yaw(tilt_vector, float(np.clip(yaw, -max_yaw_rad, max_yaw_rad))), True


def clip_gripper(opening: float) -> tuple[float, bool]:
    """Clip a gripper opening to 0 (closed) .. 1 (open)."""
    clipped = min(max(opening, 0.0), 1.0)
    return float(clipped), bool(clipped != opening)


def clip_joints(
    joints: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, bool]:
    """Clip joint positions, (..., 6) [rad], to their limits, (6,) each."""
    if np.all(joints >= lower) and np.all(joints <= upper):
        return joints, False
    return np.clip(joints, lower, upper), True


def allowed_joint_step_rad(elapsed_s: float, period_s: float, config: DriverConfig) -> float:
    """Return the largest change of any joint `elapsed_s` after the last command [rad].

    A pause allows no larger step: at most one control period counts for the speed limit.
    """
    return min(config.max_joint_step_rad, config.max_joint_speed_rad_s * min(elapsed_s, period_s))


def limit_pose(
    wanted: Pose, executed: Pose, workspace: Workspace, config: DriverConfig
) -> LimitedPose:
    """Limit a target to the workspace and to one step from the last executed target.

    Args:
        wanted: Any finite pose.
        executed: Last executed target, inside the workspace.
        workspace: Box, tilt and yaw limits.
        config: Step limits.

    Returns:
        A pose inside the workspace and within one step of `executed`, and what changed it.
    """
    position, is_far = limit_translation_step(
        wanted.position, executed.position, config.max_translation_step_m
    )
    position, is_outside = clip_to_box(position, workspace.low, workspace.high)
    rotation, is_turned_far = limit_rotation_step(
        wanted.rotation, executed.rotation, config.max_rotation_step_rad
    )
    tilted, is_tilted = limit_tilt(rotation, workspace.max_tilt)
    rotation, is_yawed = limit_yaw(tilted, workspace.max_yaw)
    if not is_turn_within(rotation, executed.rotation, config.max_rotation_step_rad):
        rotation = _turn_inside(rotation, executed.rotation, workspace, config)
    acted = {
        'translation step': is_far,
        'workspace box': is_outside,
        'rotation step': is_turned_far,
        'tilt': is_tilted,
        'yaw': is_yawed,
    }
    return LimitedPose(
        pose=Pose(position=position, rotation=rotation),
        acted=tuple(name for name, has_acted in acted.items() if has_acted),
    )


def is_turn_within(rotation: FloatArray, origin: FloatArray, max_step_rad: float) -> bool:
    """Tell whether the rotation vector from origin to rotation obeys the limit on every axis."""
    turn = rotation_to_vector(rotation @ origin.T)
    return bool(np.max(np.abs(turn)) <= max_step_rad + TOLERANCE)


def largest_fraction(is_allowed: Callable[[float], bool]) -> float:
    """Return a fraction in 0..1 that is allowed, as large as bisection finds; 0 always is."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if is_allowed(middle):
            low = middle
        else:
            high = middle
    return low


def _turn_inside(
    rotation: FloatArray, executed: FloatArray, workspace: Workspace, config: DriverConfig
) -> FloatArray:
    # Clipping tilt and yaw can lengthen a turn. Each rotation on the way back to the executed one
    # is clipped again, because the set of allowed tilts is not convex.
    def candidate(part: float) -> FloatArray:
        tilted, _ = limit_tilt(turn_part_way(executed, rotation, part), workspace.max_tilt)
        return limit_yaw(tilted, workspace.max_yaw)[0]

    fraction = largest_fraction(
        lambda part: is_turn_within(candidate(part), executed, config.max_rotation_step_rad)
    )
    return candidate(fraction)
