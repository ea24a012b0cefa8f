# SPDX-License-Identifier: Apache-2.0
"""Requests to the arm's driver, by the names of its services and fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from widowx_description.arm import JOINT_NAMES
from widowx_description.finger import GRIPPER_NAME

ARM_GROUP = 'arm'
ALL_GROUP = 'all'
SERVO_NAMES = (*JOINT_NAMES, GRIPPER_NAME)
"""The servos of group `all`, in its order."""
PATIENCE_S = 5.0
"""Wall time after which a request counts as unanswered, and a service as missing."""
REBOOT_S = 1.0
"""Time that the arm's driver waits for each servo it reboots, one after the other."""


@dataclass(frozen=True, kw_only=True)
class ServoRequest:
    """One service call; the answer does not report success."""

    service: str
    """e.g. get_motor_registers"""
    cmd_type: str
    """group or single"""
    name: str
    """name of the group or joint"""
    fields: Mapping[str, object] = field(default_factory=dict)
    """the service's own fields"""
    patience_s: float = PATIENCE_S
    """wall time after which it counts as unanswered"""


class Reply(Protocol):
    """The part of a future that is needed here."""

    def done(self) -> bool:
        """Tell whether the answer has come."""
        ...

    def result(self) -> object:
        """Return the answer: an object with the fields of the service's response.

        Raises:
            Exception: The call failed; of any type.
        """
        ...


def _request(service: str, name: str, **fields: object) -> ServoRequest:
    cmd_type = 'single' if name == GRIPPER_NAME else 'group'
    return ServoRequest(service=service, cmd_type=cmd_type, name=name, fields=fields)


def get_robot_info(name: str) -> ServoRequest:
    """Return the request for mode, profile type and joints of a group or of the gripper."""
    return _request('get_robot_info', name)


def read_register(name: str, register: str) -> ServoRequest:
    """Return the request for a register of each motor.

    The list of values in the answer ends before the first motor that does not answer.
    """
    return _request('get_motor_registers', name, reg=register)


def silent_servo_fault(names: Sequence[str], values: Sequence[int]) -> str:
    """Return which servo did not answer, or an empty string.

    Args:
        names: of the servos that were asked, in order.
        values: the answer to `read_register`.
    """
    if len(values) >= len(names):
        return ''
    who = names[len(values)] if values else f'{names[0]}, or every servo,'
    return f'{who} does not answer; check cables, supply and serial line'


def write_register(name: str, register: str, value: int) -> ServoRequest:
    """Return the request that writes a register of each motor."""
    return _request('set_motor_registers', name, reg=register, value=value)


def set_time_mode(name: str, mode: str, time_ms: int, acceleration_ms: int) -> ServoRequest:
    """Return the request that sets mode and time profile: the motors let go and hold again.

    Every field is given: the vendor's Python API defaults to a velocity profile without limit.
    """
    return _request(
        'set_operating_modes',
        name,
        mode=mode,
        profile_type='time',
        profile_velocity=time_ms,
        profile_acceleration=acceleration_ms,
    )


def smart_reboot() -> ServoRequest:
    """Return the request that reboots the motors in trouble: they let go, then hold again."""
    request = _request('reboot_motors', ALL_GROUP, enable=True, smart_reboot=True)
    return replace(request, patience_s=PATIENCE_S + len(SERVO_NAMES) * REBOOT_S)
