# SPDX-License-Identifier: Apache-2.0
"""Looks up groups and motors by name, and describes them as the driver does."""

from dataclasses import dataclass

from widowx_sim.servos import wx250s
from widowx_sim.servos.command_error import CommandError

GROUPS = {'arm': range(6), 'all': range(7)}


@dataclass(frozen=True, kw_only=True)
class RobotInfo:
    """The driver's description of a group or a joint, with one entry per joint."""

    joint_names: list[str]
    """Joint names; left_finger for the gripper."""
    joint_ids: list[int]
    """Servo numbers on the bus."""
    lower_limits: list[float]
    """One per joint [rad; m of the finger]."""
    upper_limits: list[float]
    """One per joint [rad; m of the finger]."""
    velocity_limits: list[float]
    """One per joint [rad/s; m/s of the finger]."""
    sleep_positions: list[float]
    """One per joint [rad; m of the finger]."""
    state_indices: list[int]
    """Index of the joint in joint_states."""
    names: list[str]
    """The name asked for, or every group for `all`."""


def select_motors(cmd_type: str, name: str) -> list[int]:
    """Look up which motors a request means.

    Args:
        cmd_type: group or single.
        name: of a group or a motor.

    Returns:
        Indices into `wx250s.MOTORS`.

    Raises:
        CommandError: the type or the name is unknown.
    """
    if cmd_type == 'group' and name in GROUPS:
        return list(GROUPS[name])
    if cmd_type == 'single' and name in wx250s.MOTORS:
        return [wx250s.MOTORS.index(name)]
    known = {'group': ', '.join(GROUPS), 'single': ', '.join(wx250s.MOTORS)}
    if cmd_type not in known:
        raise CommandError(f'cmd_type is {cmd_type!r}: give group or single')
    kind = 'group' if cmd_type == 'group' else 'joint'
    raise CommandError(f'{kind} {name!r} is unknown: known are {known[cmd_type]}')


def robot_info(cmd_type: str, name: str) -> RobotInfo:
    """Describe a group or a joint; raises CommandError for an unknown one."""
    motors = select_motors(cmd_type, name)
    lower = [*wx250s.ARM_LOWER_RAD.tolist(), wx250s.FINGER_LIMITS_URDF_M[0]]
    upper = [*wx250s.ARM_UPPER_RAD.tolist(), wx250s.FINGER_LIMITS_URDF_M[1]]
    sleep = [*wx250s.SLEEP_POSITIONS_RAD, wx250s.finger_position(0.0)]
    speeds = [wx250s.VELOCITY_LIMIT_RAD_S] * 6 + [wx250s.FINGER_VELOCITY_LIMIT_M_S]
    names = [*wx250s.ARM_JOINTS, 'left_finger']
    return RobotInfo(
        joint_names=[names[motor] for motor in motors],
        joint_ids=[wx250s.MOTOR_IDS[motor] for motor in motors],
        lower_limits=[lower[motor] for motor in motors],
        upper_limits=[upper[motor] for motor in motors],
        velocity_limits=[speeds[motor] for motor in motors],
        sleep_positions=[sleep[motor] for motor in motors],
        state_indices=[wx250s.JOINT_STATE_NAMES.index(names[motor]) for motor in motors],
        names=list(GROUPS) if name == 'all' else [name],
    )
