# SPDX-License-Identifier: Apache-2.0
"""The seven servos as MuJoCo actuators: operating modes, torque, what they report."""

import math

import mujoco
import numpy as np

from widowx_sim import wx250s
from widowx_sim.command_error import CommandError
from widowx_sim.floats import FloatArray
from widowx_sim.servo_state import ServoState
from widowx_sim.time_profile import TimeProfile

POSITION_MODES = ('position', 'ext_position', 'current_based_position', 'linear_position')
GRIPPER = 6

_LIMP_DAMPING = 0.6
"""Back-driven gears [N m s/rad]: a limp arm takes about a second to fall, as real ones do."""
_BREAKAWAY_PWM = 100
"""Gear friction: users report that less than 50 to 150 does not move the gripper."""
_STILL_RAD_S = 0.1
_CRANK_RATE_RAD_M = 73.0
"""Turn of the gripper's crank per finger travel at mid-range, from `horn_angle`."""
_FINGER_FORCE_N = 35.0


class Servos:
    """Applies goals to the physics according to each servo's mode, torque and faults.

    In the position modes with torque on, everything is left as the model has it.
    """

    def __init__(self, model: mujoco.MjModel, profile: TimeProfile) -> None:
        self.profile = profile
        self.states = [ServoState(mode='position') for _ in range(6)]
        self.states.append(ServoState(mode='linear_position'))
        self._model = model
        self._gains = model.actuator_gainprm[:7, 0].copy()
        self._biases = model.actuator_biasprm[:7].copy()
        self._force_ranges = model.actuator_forcerange[:7].copy()
        self._dampings = model.dof_damping[:7].copy()
        self._lower = np.append(wx250s.ARM_LOWER_RAD, wx250s.FINGER_CLOSED_M)
        self._upper = np.append(wx250s.ARM_UPPER_RAD, wx250s.FINGER_OPEN_M)
        self._open_loop: list[int] = []
        self._open_torques = np.zeros(7)

    def command(self, motors: list[int], values: FloatArray) -> None:
        """Give goals in the unit of each servo's mode.

        A goal out of range is ignored by its servo while the others obey, as on the real bus; a
        limp servo ignores all goals.

        Raises:
            CommandError: wrong number of goals, or naming those that were out of range.
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
        """Change the mode of a servo; its goal becomes where it is.

        Args:
            motor: which.
            mode: one that `check_mode` lets pass.
            measured: (7,) positions [rad; m of the finger].
        """
        self.states[motor].mode, self.states[motor].goal = mode, 0.0
        self.profile.hold_motor(motor, float(measured[motor]))
        self.refresh()

    @staticmethod
    def check_mode(motor: int, mode: str) -> None:
        """Raise CommandError for a mode that this servo does not have."""
        modes = ['position', 'velocity', 'pwm']
        modes += ['linear_position'] if motor == GRIPPER else ['ext_position']
        if motor in wx250s.CURRENT_MOTORS:
            modes += ['current', 'current_based_position']
        if mode not in modes:
            raise CommandError(
                f'{wx250s.MOTORS[motor]} mode is {mode!r}: give one of {", ".join(modes)}'
            )

    def set_torque(self, motor: int, is_on: bool, measured: FloatArray) -> None:
        """Hold where the joint is, or let go; a servo with an error stays limp."""
        state = self.states[motor]
        if is_on and not state.torque_on and not state.hardware_error:
            state.goal = 0.0
            self.profile.hold_motor(motor, float(measured[motor]))
        state.torque_on = is_on and not state.hardware_error
        self.refresh()

    def refresh(self) -> None:
        """Take up changed states; whoever changes one calls this."""
        self._open_loop = []
        for motor, state in enumerate(self.states):
            is_closed = state.torque_on and state.mode in (*POSITION_MODES, 'velocity')
            gain = state.position_gain if is_closed else 0.0
            self._model.actuator_gainprm[motor, 0] = gain * self._gains[motor]
            self._model.actuator_biasprm[motor] = gain * self._biases[motor]
            share = min(1.0, self._force_share(motor, state))
            self._model.actuator_forcerange[motor] = share * self._force_ranges[motor]
            self._model.dof_damping[motor] = self._dampings[motor]
            if not is_closed:
                self._open_loop.append(motor)

    def drive(self, data: mujoco.MjData, elapsed_s: float) -> None:
        """Set the controls of the next physics step of `elapsed_s` [s]."""
        data.qfrc_applied[:7] = 0.0
        for motor in self._open_loop:
            self._drive_open_loop(motor, data)
        for motor, state in enumerate(self.states):
            if state.mode == 'velocity' and state.drives:
                self._run_on(motor, state.goal * elapsed_s)
            elif state.mode == 'pwm':
                state.note_stall(self._is_still(motor, data), elapsed_s)
                if state.hardware_error:
                    self.refresh()
        data.ctrl[:] = self.profile.advance(elapsed_s)

    def torques(self, data: mujoco.MjData) -> FloatArray:
        """Return what each servo exerts, (7,) [N m; N on the finger], gravity's share included."""
        torques: FloatArray = data.qfrc_actuator[:7] + data.qfrc_gravcomp[:7]
        torques[self._open_loop] = self._open_torques[self._open_loop]
        return torques

    def _run_on(self, motor: int, step: float) -> None:
        if motor == GRIPPER:
            step /= _CRANK_RATE_RAD_M
        low, high = self._lower[motor], self._upper[motor]
        at = float(np.clip(self.profile.positions[motor] + step, low, high))
        self.profile.hold_motor(motor, at)

    def _is_still(self, motor: int, data: mujoco.MjData) -> bool:
        rate = _CRANK_RATE_RAD_M if motor == GRIPPER else 1.0
        return bool(abs(data.qvel[motor]) * rate < _STILL_RAD_S)

    def _force_share(self, motor: int, state: ServoState) -> float:
        """Return the part of the model's force that Goal_PWM leaves."""
        if motor != GRIPPER:
            return state.goal_pwm / wx250s.PWM_LIMIT
        stall_force = wx250s.STALL_TORQUES_NM[motor] * _CRANK_RATE_RAD_M
        return float(stall_force * state.goal_pwm / wx250s.PWM_LIMIT / _FINGER_FORCE_N)

    def _drive_open_loop(self, motor: int, data: mujoco.MjData) -> None:
        state, torque, damping = self.states[motor], 0.0, self._dampings[motor]
        if state.torque_on and state.mode == 'current':
            torque = wx250s.current_to_torque(motor, state.goal)
        elif state.torque_on:
            torque, damping = self._pwm_drive(motor, state.goal)
        elif motor != GRIPPER:
            damping = damping + _LIMP_DAMPING
        self._model.dof_damping[motor] = damping
        # What a servo does not carry falls: the model's gravity compensation is taken back.
        data.qfrc_applied[motor] = torque - data.qfrc_gravcomp[motor]
        self._open_torques[motor] = torque

    @staticmethod
    def _pwm_drive(motor: int, pwm: float) -> tuple[float, float]:
        """Return torque and back-EMF damping of a servo driven by voltage."""
        rate = _CRANK_RATE_RAD_M if motor == GRIPPER else 1.0
        stall = wx250s.STALL_TORQUES_NM[motor]
        past_friction = math.copysign(max(abs(pwm) - _BREAKAWAY_PWM, 0.0), pwm)
        return (
            stall * past_friction / wx250s.PWM_LIMIT * rate,
            stall / wx250s.NO_LOAD_SPEEDS_RAD_S[motor] * rate**2,
        )

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
