# SPDX-License-Identifier: Apache-2.0
"""The seven servos without a body: operating modes, torque, goals, set-points."""

import numpy as np

from widowx_sim.servos import wx250s
from widowx_sim.servos.command_error import CommandError
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.state import ServoState
from widowx_sim.servos.time_profile import TimeProfile

POSITION_MODES = ('position', 'ext_position', 'current_based_position', 'linear_position')
GRIPPER = 6
CRANK_RATE_RAD_M = 73.0
"""Turn of the gripper's crank for each metre of finger travel, at mid-range of `horn_angle`."""


class Servos:
    """Turns goals into set-points according to each servo's mode and torque.

    The body that moves the joints takes the set-points of `advance`.
    """

    def __init__(self, positions: FloatArray) -> None:
        """Create servos that hold still in the position modes.

        Args:
            positions: (7,) set-points to begin with [rad; m of the finger].
        """
        limits = np.full(7, wx250s.VELOCITY_LIMIT_RAD_S)
        limits[GRIPPER] = wx250s.FINGER_VELOCITY_LIMIT_M_S
        self.profile = TimeProfile(positions, limits, np.full(7, 0.2), np.full(7, 0.06))
        self.states = [ServoState(mode='position') for _ in range(6)]
        self.states.append(ServoState(mode='linear_position'))
        self._lower = np.append(wx250s.ARM_LOWER_RAD, wx250s.FINGER_CLOSED_M)
        self._upper = np.append(wx250s.ARM_UPPER_RAD, wx250s.FINGER_OPEN_M)

    def command(self, motors: list[int], values: FloatArray) -> None:
        """Give goals in the unit of each servo's mode.

        A goal out of range is ignored by its servo while the others obey, as on the real bus; a
        limp servo ignores all goals.

        Raises:
            CommandError: the number of goals is wrong, or goals are out of range.
        """
        if values.shape != (len(motors),):
            raise CommandError(f'command has shape {values.shape}: give ({len(motors)},)')
        refusals = [
            fault
            for motor, value in zip(motors, values, strict=True)
            if (fault := self._goal_fault(motor, float(value)))
        ]
        allowed = [
            (motor, float(value))
            for motor, value in zip(motors, values, strict=True)
            if self.states[motor].drives and not self._goal_fault(motor, float(value))
        ]
        moves = [(m, v) for m, v in allowed if self.states[m].mode in POSITION_MODES]
        if moves:
            goals = [self._set_point(m, value) for m, value in moves]
            self.profile.move_to(np.array(goals), [m for m, _ in moves])
        for motor, value in allowed:
            self.states[motor].goal = value
        if refusals:
            raise CommandError('; '.join(refusals))

    def set_mode(self, motor: int, mode: str, measured: FloatArray) -> None:
        """Change the mode of a servo; its goal becomes its present position.

        Args:
            motor: index of the servo.
            mode: a mode that `check_mode` accepts.
            measured: (7,) positions [rad; m of the finger].
        """
        self.states[motor].mode, self.states[motor].goal = mode, 0.0
        self.profile.hold_motor(motor, float(measured[motor]))
        self.refresh()

    def modes(self, motor: int) -> list[str]:
        """Return the modes that this servo has."""
        modes = ['position', 'velocity', 'pwm']
        modes += ['linear_position'] if motor == GRIPPER else ['ext_position']
        if motor in wx250s.CURRENT_MOTORS:
            modes += ['current', 'current_based_position']
        return modes

    def check_mode(self, motor: int, mode: str) -> None:
        """Raise CommandError for a mode that this servo does not have."""
        if mode not in self.modes(motor):
            raise CommandError(
                f'{wx250s.MOTORS[motor]} mode is {mode!r}: '
                f'give one of {", ".join(self.modes(motor))}'
            )

    def set_torque(self, motor: int, is_on: bool, measured: FloatArray) -> None:
        """Hold where the joint is, or let go; a servo with an error stays limp."""
        state = self.states[motor]
        if is_on != state.torque_on:
            state.goal = 0.0
            self.profile.hold_motor(motor, float(measured[motor]))
        state.torque_on = is_on and not state.hardware_error
        self.refresh()

    def refresh(self) -> None:
        """Take over changed states; call this after a change of a state.

        Here there is nothing to do, because set-points are computed from the states themselves.
        """

    def advance(self, elapsed_s: float) -> FloatArray:
        """Let `elapsed_s` [s] pass and return the set-points (7,) [rad; m of the finger]."""
        for motor, state in enumerate(self.states):
            if state.mode == 'velocity' and state.drives:
                self._run_on(motor, state.goal * elapsed_s)
        return self.profile.advance(elapsed_s)

    def _run_on(self, motor: int, step: float) -> None:
        if motor == GRIPPER:
            step /= CRANK_RATE_RAD_M
        low, high = self._lower[motor], self._upper[motor]
        at = float(np.clip(self.profile.positions[motor] + step, low, high))
        self.profile.hold_motor(motor, at)

    def _set_point(self, motor: int, goal: float) -> float:
        if motor == GRIPPER and self.states[motor].mode == 'position':
            goal = wx250s.finger_position(goal)
        elif motor == GRIPPER:
            goal = goal / 2  # linear_position: the gap between the fingers
        return float(np.clip(goal, self._lower[motor], self._upper[motor]))

    def _goal_fault(self, motor: int, value: float) -> str:
        mode = self.states[motor].mode
        low, high = self._lower[motor], self._upper[motor]
        unit = 'm' if motor == GRIPPER else 'rad'
        if motor == GRIPPER and mode == 'position':
            low, high, unit = -np.pi, np.pi, 'rad'
        elif mode == 'linear_position':
            low, high = 2 * low, 2 * high
        elif mode == 'velocity':
            low, high, unit = -wx250s.VELOCITY_LIMIT_RAD_S, wx250s.VELOCITY_LIMIT_RAD_S, 'rad/s'
        elif mode == 'current':
            low, high, unit = -wx250s.CURRENT_LIMIT_MA, wx250s.CURRENT_LIMIT_MA, 'mA'
        elif mode == 'pwm':
            low, high, unit = -wx250s.PWM_LIMIT, wx250s.PWM_LIMIT, 'of 885 PWM'
        elif mode == 'ext_position':
            low, high = -256 * 2 * np.pi, 256 * 2 * np.pi
        # Commands come as 32-bit floats.
        if low - 1e-5 <= value <= high + 1e-5:
            return ''
        return (
            f'{wx250s.MOTORS[motor]} command is {value:.4f} {unit}: give a '
            f'finite value within {low:.4f} to {high:.4f} {unit}'
        )
