# SPDX-License-Identifier: Apache-2.0
"""Injects the faults that occur at the real station."""

import math

from widowx_sim.servos.command_error import CommandError
from widowx_sim.servos.motor_selection import select_motors
from widowx_sim.servos.servos import Servos
from widowx_sim.servos.state import HardwareError

SERVO_FAULTS = ('overload', 'overheating', 'no_answer')
PASSING_FAULTS = ('serial_dropout', 'silence', 'camera_frozen', 'camera_stuck', 'camera_gone')

_LIMIT_C = 80
_LONGEST_S = 3600.0


class StationFaults:
    """The faults in force; servo faults last until a reboot, the others for a given time."""

    def __init__(self, servos: Servos) -> None:
        self._servos = servos
        self._ends_s = dict.fromkeys(PASSING_FAULTS, -math.inf)

    def inject(self, fault: str, joint: str, duration_s: float, now_s: float) -> str:
        """Begin a fault.

        Args:
            fault: one of SERVO_FAULTS or PASSING_FAULTS.
            joint: name of the servo; unused by passing faults.
            duration_s: duration of a passing fault [s, simulated].
            now_s: simulated time.

        Returns:
            The fault that began, in words.

        Raises:
            CommandError: fault or joint is unknown, or the duration is out of range.
        """
        if fault in SERVO_FAULTS:
            self._break_servo(fault, select_motors('single', joint)[0])
            return f'{joint}: {fault} until it is rebooted'
        if fault not in PASSING_FAULTS:
            known = ', '.join((*SERVO_FAULTS, *PASSING_FAULTS))
            raise CommandError(f'fault is {fault!r}: give one of {known}')
        if not 0.0 < duration_s <= _LONGEST_S:
            raise CommandError(f'duration is {duration_s}: give more than 0, at most 3600 s')
        self._ends_s[fault] = now_s + duration_s
        return f'{fault} for {duration_s:g} s'

    def is_active(self, fault: str, now_s: float) -> bool:
        """Tell whether a passing fault is in force at simulated time `now_s`."""
        return now_s < self._ends_s[fault]

    def is_read_failing(self, now_s: float) -> bool:
        """Tell whether a read of all servos fails, as it does when one servo is silent."""
        is_cut = self.is_active('serial_dropout', now_s)
        return is_cut or not all(state.answers for state in self._servos.states)

    def _break_servo(self, fault: str, motor: int) -> None:
        state = self._servos.states[motor]
        if fault == 'overload':
            state.latch(HardwareError.OVERLOAD)
        elif fault == 'overheating':
            state.temperature_c = _LIMIT_C
            state.latch(HardwareError.OVERHEATING)
        else:
            # The servo has no supply: it neither answers nor holds.
            state.answers = state.torque_on = False
        self._servos.refresh()
