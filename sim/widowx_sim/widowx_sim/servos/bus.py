# SPDX-License-Identifier: Apache-2.0
"""Serves the arm driver's requests: what they do to the servos, and how long the bus is busy.

No answer reports success: a bad request is logged and gets an empty answer, and a list ends before
the first motor that does not answer.
"""

from collections.abc import Callable
from itertools import takewhile
from typing import Protocol

from widowx_sim.servos import wx250s
from widowx_sim.servos.command_error import CommandError
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.joint_state import JointState
from widowx_sim.servos.motor_selection import select_motors
from widowx_sim.servos.registers import Measurement, ServoRegisters
from widowx_sim.servos.servos import Servos

TRANSACTION_S = 0.0025
"""Time of one write or read of one servo with its answer: about 1 ms of USB latency each way."""
REBOOT_S = 1.0
"""Time the arm's driver waits after it rebooted a servo, before it goes on to the next."""

_GAINS = ('Position_P_Gain', 'Position_I_Gain', 'Position_D_Gain', 'Feedforward_1st_Gain',
          'Feedforward_2nd_Gain', 'Velocity_P_Gain', 'Velocity_I_Gain')  # fmt: skip


class Body(Protocol):
    """The body that the servos move and measure."""

    @property
    def servos(self) -> Servos:
        """The servos."""

    def motor_positions(self) -> FloatArray:
        """Return the measured positions of the servos, (7,) [rad; m of the finger]."""

    def joint_state(self) -> JointState:
        """Return what the servos measure now."""


class ServoBus:
    """Carries out requests on the servos of a body, one transaction after the other."""

    def __init__(self, body: Body, wait: Callable[[float], None] | None = None) -> None:
        """Create a bus; the servos keep their state.

        Args:
            body: the body with the servos.
            wait: lets time pass while the bus is busy [s]; None if no time passes.
        """
        self._body = body
        self.servos = body.servos
        self._wait = wait or (lambda _seconds: None)
        self.registers = ServoRegisters(self.servos.states, self.servos.profile)
        # As after a mode file that sets modes of the group arm alone.
        self._group_modes = {'arm': ('position', 'time'), 'all': ('position', 'velocity')}
        self.is_cut = False
        """Whether the line is cut: nothing gets to the servos or back."""

    def mode_of(self, cmd_type: str, name: str) -> tuple[str, str]:
        """Return mode and profile type; raises CommandError for an unknown name.

        Those of a group were last set by its own name, even if its motors got others since.
        """
        motor = select_motors(cmd_type, name)[0]
        if cmd_type == 'group':
            return self._group_modes[name]
        profile = 'time' if self.servos.profile.is_time[motor] else 'velocity'
        return self.servos.states[motor].mode, profile

    def set_operating_mode(
        self, cmd_type: str, name: str, mode: str, profile_type: str, velocity: int,
        acceleration: int,
    ) -> None:  # fmt: skip
        """Let go, change mode and profile, and hold again, always one motor after the other.

        Args:
            cmd_type: group or single.
            name: of a group or a motor.
            mode: the driver's name of the mode.
            profile_type: time [ms] or velocity [0.229 rpm, 214.577 rev/min^2].
            velocity: Profile_Velocity.
            acceleration: Profile_Acceleration.

        Raises:
            CommandError: name, mode or profile type is unknown, or a value is out of range.
        """
        motors = select_motors(cmd_type, name)
        if profile_type not in ('time', 'velocity'):
            raise CommandError(f'profile_type is {profile_type!r}: give time or velocity')
        self.registers.check_write('Profile_Velocity', velocity)
        self.registers.check_write('Profile_Acceleration', acceleration)
        for motor in motors:
            self.servos.check_mode(motor, mode)
        for motor in self._answering(motors):
            self._set_torque(motor, False)
            self._pass(5)
            self.servos.set_mode(motor, mode, self._body.motor_positions())
            is_time = 4 if profile_type == 'time' else 0
            self.registers.write(motor, 'Drive_Mode', is_time + wx250s.DRIVE_MODES[motor])
            self.registers.write(motor, 'Profile_Velocity', velocity)
            self.registers.write(motor, 'Profile_Acceleration', acceleration)
            self._set_torque(motor, True)
            self._pass(1)
        if cmd_type == 'group':
            self._group_modes[name] = (mode, profile_type)

    def torque_enable(self, cmd_type: str, name: str, is_on: bool) -> None:
        """Hold, or let go and fall; raises CommandError for an unknown name."""
        self._each(select_motors(cmd_type, name), lambda motor: self._set_torque(motor, is_on))

    def reboot(self, cmd_type: str, name: str, is_on: bool, is_smart: bool) -> None:
        """Reboot motors, each of them or only those in trouble.

        Args:
            cmd_type: group or single.
            name: of a group or a motor.
            is_on: whether the motors hold afterwards.
            is_smart: of a group, reboot only motors with an error or without an answer.

        Raises:
            CommandError: the name is unknown.
        """
        motors = select_motors(cmd_type, name)
        if cmd_type == 'group' and is_smart:
            motors = [m for m in motors if self.is_cut or self._is_troubled(m)]
        for motor in motors:
            if not self.is_cut:
                self._set_torque(motor, False)
                self.servos.states[motor].reboot()
                self.registers.reboot(motor)
                self.servos.refresh()
            self._wait(REBOOT_S)
        if is_on:
            self._each(motors, lambda motor: self._set_torque(motor, True))

    def set_gains(self, cmd_type: str, name: str, gains: tuple[int, ...]) -> None:
        """Write kp, ki, kd, 1st and 2nd feed-forward, velocity kp, ki of each motor named.

        Raises:
            CommandError: the name is unknown, or a gain is out of range.
        """
        for register, value in zip(_GAINS, gains, strict=True):
            self.write(cmd_type, name, register, value)

    def read(self, cmd_type: str, name: str, register: str) -> list[int]:
        """Return a register of each motor before the first that does not answer or lacks it.

        Raises:
            CommandError: the name or register is unknown.
        """
        motors = select_motors(cmd_type, name)
        self.registers.check_name(register)
        now = self._measurement()
        readable = takewhile(
            lambda motor: self._answering([motor]) and self.registers.has(motor, register), motors
        )
        values = [self.registers.read(motor, register, now) for motor in readable]
        self._pass(len(motors))
        return values

    def write(self, cmd_type: str, name: str, register: str, value: int) -> None:
        """Write a register of each motor named.

        Raises:
            CommandError: name or register is unknown, or the servos do not take the value.
        """
        motors = select_motors(cmd_type, name)
        self.registers.check_write(register, value)
        if register == 'Torque_Enable':
            self.torque_enable(cmd_type, name, bool(value))
        else:
            self._each(motors, lambda motor: self.registers.write(motor, register, value))
            self.servos.refresh()

    def _each(self, motors: list[int], action: Callable[[int], None]) -> None:
        for motor in self._answering(motors):
            action(motor)
            self._pass(1)

    def _answering(self, motors: list[int]) -> list[int]:
        return [m for m in motors if self.servos.states[m].answers and not self.is_cut]

    def _set_torque(self, motor: int, is_on: bool) -> None:
        self.servos.set_torque(motor, is_on, self._body.motor_positions())

    def _pass(self, transactions: int) -> None:
        self._wait(transactions * TRANSACTION_S)

    def _measurement(self) -> Measurement:
        state = self._body.joint_state()
        return Measurement(
            positions_rad=state.position[:7],
            velocities_rad_s=state.velocity[:7],
            efforts=state.effort[:7],
        )

    def _is_troubled(self, motor: int) -> bool:
        state = self.servos.states[motor]
        return bool(state.hardware_error) or not state.answers
