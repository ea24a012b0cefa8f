# SPDX-License-Identifier: Apache-2.0
"""Puts the servos into the modes that the driver needs, without letting go of a raised arm."""

from collections.abc import Callable, Generator
from typing import Any

from widowx_description.arm import JOINT_NAMES
from widowx_description.finger import GRIPPER_NAME
from widowx_driver.driver_config import DriverConfig
from widowx_driver.servos.dialogue import Script, ServoFault
from widowx_driver.servos.request import (
    ALL_GROUP,
    ARM_GROUP,
    get_robot_info,
    read_register,
    SERVO_NAMES,
    ServoRequest,
    set_time_mode,
    silent_servo_fault,
    smart_reboot,
    write_register,
)

POSITION_MODE = 3
"""Operating_Mode of a servo whose goal is a position."""
TIME_PROFILE_BIT = 4
"""Bit of Drive_Mode that is set when profiles go by time."""


def prepare_servos(config: DriverConfig, may_let_go: Callable[[], bool]) -> Script:
    """Set modes, profile and the gripper's PWM limit.

    set_operating_modes lets go of the joints for a moment, so it is called for the arm only if
    its mode is wrong and it may fall. xs_sdk reports the mode that was last set for the group, and
    sends goals by it. A joint may have another mode, so the servos are asked as well. The profile
    is written in any case: the vendor's start-up leaves moves of 2 s, a reboot leaves moves
    without limit.

    Args:
        config: times of the profile, and the PWM limit.
        may_let_go: tells whether the arm rests.

    Raises:
        ServoFault: not this arm, a silent servo, a wrong mode that may not be set now, or joints
            that do not hold.
    """
    info = yield get_robot_info(ARM_GROUP)
    if info.num_joints != len(JOINT_NAMES):
        raise ServoFault(
            f'group {ARM_GROUP} has {info.num_joints} joints, not {len(JOINT_NAMES)}; '
            'check robot_model, and that the servos answer'
        )
    modes = yield from _read_arm('Operating_Mode')
    drives = yield from _read_arm('Drive_Mode')
    is_arm_ready = (
        (info.mode, info.profile_type) == ('position', 'time')
        and modes == [POSITION_MODE] * len(JOINT_NAMES)
        and [drive & TIME_PROFILE_BIT for drive in drives] == [TIME_PROFILE_BIT] * len(JOINT_NAMES)
    )
    if not is_arm_ready and not may_let_go():
        raise ServoFault(
            f'the arm is in mode {info.mode} with a {info.profile_type} profile, its servos have '
            f'Operating_Mode {modes} and Drive_Mode {drives}, and setting them lets go of the '
            'arm; bring it to its rest pose by hand, then call recover'
        )
    yield from _set_profile(config, ARM_GROUP, 'position', is_arm_ready)
    info = yield get_robot_info(GRIPPER_NAME)
    is_gripper_ready = (info.mode, info.profile_type) == ('linear_position', 'time')
    yield from _set_profile(config, GRIPPER_NAME, 'linear_position', is_gripper_ready)
    # In position modes this limits the PWM: a gripper that holds an object never overheats.
    yield write_register(GRIPPER_NAME, 'Goal_PWM', config.gripper_pwm)
    answer = yield read_register(ALL_GROUP, 'Torque_Enable')
    if list(answer.values) != [1] * len(SERVO_NAMES):
        raise ServoFault(
            f'Torque_Enable of the servos is {list(answer.values)}: not every joint holds; '
            'support the arm, then call recover'
        )


def reboot_servos(config: DriverConfig, may_let_go: Callable[[], bool]) -> Script:
    """Reboot the servos in trouble and send them again what they forgot.

    Raises:
        ServoFault: they are still in trouble afterwards.
    """
    yield smart_reboot()
    answer = yield read_register(ALL_GROUP, 'Hardware_Error_Status')
    if list(answer.values) != [0] * len(SERVO_NAMES):
        raise ServoFault(
            f'Hardware_Error_Status is {list(answer.values)} after a reboot; '
            'check supply and cables'
        )
    yield from prepare_servos(config, may_let_go)


def _read_arm(register: str) -> Generator[ServoRequest, Any, list[int]]:
    answer = yield read_register(ARM_GROUP, register)
    if fault := silent_servo_fault(JOINT_NAMES, answer.values):
        raise ServoFault(fault)
    return list(answer.values)


def _set_profile(config: DriverConfig, name: str, mode: str, is_ready: bool) -> Script:
    time_ms, acceleration_ms = config.profile_time_ms, config.profile_acceleration_ms
    if is_ready:
        yield write_register(name, 'Profile_Velocity', time_ms)
        yield write_register(name, 'Profile_Acceleration', acceleration_ms)
    else:
        yield set_time_mode(name, mode, time_ms, acceleration_ms)
