# SPDX-License-Identifier: Apache-2.0
"""Names, registers and modes of the simulated servos, as the real arm's driver offers them."""

from dataclasses import dataclass

from widowx_sim import wx250s
from widowx_sim.command_error import CommandError
from widowx_sim.time_profile import TimeProfile

_GROUPS = {'arm': range(6), 'all': range(7)}
_REGISTERS = ('Profile_Velocity', 'Profile_Acceleration')


@dataclass(frozen=True, kw_only=True)
class RobotInfo:
    """What the driver tells about a group or a joint; one entry a joint."""

    mode: str
    """Operating mode of the first joint."""
    joint_names: list[str]
    """Joint names; left_finger for the gripper."""
    joint_ids: list[int]
    """Servo numbers on the bus."""
    lower_limits: list[float]
    """[rad], finger [m]."""
    upper_limits: list[float]
    """[rad], finger [m]."""
    velocity_limits: list[float]
    """[rad/s], finger [m/s]."""
    sleep_positions: list[float]
    """[rad]."""
    state_indices: list[int]
    """Where the joint stands in joint_states."""
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
        CommandError: unknown type or name.
    """
    if cmd_type == 'group' and name in _GROUPS:
        return list(_GROUPS[name])
    if cmd_type == 'single' and name in wx250s.MOTORS:
        return [wx250s.MOTORS.index(name)]
    known = {'group': ', '.join(_GROUPS), 'single': ', '.join(wx250s.MOTORS)}
    if cmd_type not in known:
        raise CommandError(f'cmd_type is {cmd_type!r}: give group or single')
    raise CommandError(f'{cmd_type} {name!r} is unknown: known are {known[cmd_type]}')


def robot_info(cmd_type: str, name: str) -> RobotInfo:
    """Describe a group or a joint; raises CommandError for an unknown one."""
    motors = select_motors(cmd_type, name)
    lower = [*wx250s.ARM_LOWER_RAD.tolist(), wx250s.FINGER_CLOSED_M]
    upper = [*wx250s.ARM_UPPER_RAD.tolist(), wx250s.FINGER_OPEN_M]
    speeds = [wx250s.VELOCITY_LIMIT_RAD_S] * 6 + [wx250s.FINGER_VELOCITY_LIMIT_M_S]
    names = [*wx250s.ARM_JOINTS, 'left_finger']
    return RobotInfo(
        mode='linear_position' if motors == [6] else 'position',
        joint_names=[names[motor] for motor in motors],
        joint_ids=[wx250s.MOTOR_IDS[motor] for motor in motors],
        lower_limits=[lower[motor] for motor in motors],
        upper_limits=[upper[motor] for motor in motors],
        velocity_limits=[speeds[motor] for motor in motors],
        sleep_positions=[wx250s.SLEEP_POSITIONS_RAD[motor] for motor in motors],
        state_indices=[wx250s.JOINT_STATE_NAMES.index(names[motor]) for motor in motors],
        names=list(_GROUPS) if name == 'all' else [name],
    )


def set_operating_mode(
    profile: TimeProfile,
    cmd_type: str,
    name: str,
    mode: str,
    profile_type: str,
    velocity_ms: int,
    acceleration_ms: int,
) -> None:
    """Set the time profile that goes with the one mode each motor has.

    Args:
        profile: set-points of the seven motors.
        cmd_type: group or single.
        name: of a group or a motor.
        mode: position for arm joints, linear_position for the gripper.
        profile_type: time.
        velocity_ms: duration of a move [ms].
        acceleration_ms: duration of its acceleration [ms].

    Raises:
        CommandError: anything else, which this station does not do.
    """
    motors = select_motors(cmd_type, name)
    info = robot_info(cmd_type, name)
    if mode != info.mode:
        raise CommandError(f'{name} mode is {mode!r}: this simulation knows {info.mode} only')
    if profile_type != 'time':
        raise CommandError(
            f'{name} profile_type is {profile_type!r}: this simulation knows time only'
        )
    _write(profile, motors, 'Profile_Velocity', velocity_ms)
    _write(profile, motors, 'Profile_Acceleration', acceleration_ms)


def read_register(profile: TimeProfile, cmd_type: str, name: str, register: str) -> list[int]:
    """Return a register of each motor asked for [ms]; raises CommandError for unknown names."""
    motors = select_motors(cmd_type, name)
    _check_register(register)
    seconds = profile.durations_s if register == 'Profile_Velocity' else profile.accelerations_s
    return [round(1000.0 * seconds[motor]) for motor in motors]


def write_register(
    profile: TimeProfile, cmd_type: str, name: str, register: str, value: int
) -> None:
    """Write a register [ms] of each motor named; it counts from the next command on.

    Raises:
        CommandError: unknown name or register, or a value that the servos do not take.
    """
    motors = select_motors(cmd_type, name)
    _check_register(register)
    _write(profile, motors, register, value)


def _check_register(register: str) -> None:
    if register not in _REGISTERS:
        raise CommandError(f'register {register!r} is unknown: known are {", ".join(_REGISTERS)}')


def _write(profile: TimeProfile, motors: list[int], register: str, value_ms: int) -> None:
    if not 0 <= value_ms <= 32737:
        raise CommandError(f'{register} is {value_ms}: give 0 to 32737 ms')
    seconds = profile.durations_s if register == 'Profile_Velocity' else profile.accelerations_s
    seconds[motors] = 0.001 * value_ms
