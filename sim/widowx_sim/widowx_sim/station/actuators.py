# SPDX-License-Identifier: Apache-2.0
"""The seven servos as MuJoCo actuators, with the effect of modes, torque and faults."""

import math

import mujoco
import numpy as np

from widowx_sim.servos import wx250s
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.servos import CRANK_RATE_RAD_M, GRIPPER, POSITION_MODES, Servos
from widowx_sim.servos.state import ServoState

_LIMP_DAMPING = 0.6
"""Damping of back-driven gears [N m s/rad]: a limp arm falls in about a second, as a real one."""
_BREAKAWAY_PWM = 100
"""PWM that gear friction takes: users report that 50 to 150 is needed to move the gripper."""
_STILL_RAD_S = 0.1
_FINGER_FORCE_N = 35.0


class ServoActuators(Servos):
    """Applies set-points to the physics according to each servo's mode, torque and faults.

    In the position modes with torque on, the model's own gains and limits stay.
    """

    def __init__(self, model: mujoco.MjModel, positions: FloatArray) -> None:
        """Take over the actuators of a model, and hold (7,) `positions` [rad; m of the finger]."""
        super().__init__(positions)
        self._model = model
        self._gains = model.actuator_gainprm[:7, 0].copy()
        self._biases = model.actuator_biasprm[:7].copy()
        self._force_ranges = model.actuator_forcerange[:7].copy()
        self._dampings = model.dof_damping[:7].copy()
        self._open_loop: list[int] = []
        self._open_torques = np.zeros(7)

    def refresh(self) -> None:
        """Set gains, force ranges and dampings of the model."""
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
            if state.mode == 'pwm':
                state.note_stall(self._is_still(motor, data), elapsed_s)
                if state.hardware_error:
                    self.refresh()
        data.ctrl[:] = self.advance(elapsed_s)

    def torques(self, data: mujoco.MjData) -> FloatArray:
        """Return the torque of each servo, (7,) [N m; N on the finger], with gravity's share."""
        torques: FloatArray = data.qfrc_actuator[:7] + data.qfrc_gravcomp[:7]
        for motor in self._open_loop:
            torques[motor] = self._open_torques[motor]
        return torques

    def _is_still(self, motor: int, data: mujoco.MjData) -> bool:
        rate = CRANK_RATE_RAD_M if motor == GRIPPER else 1.0
        return bool(abs(data.qvel[motor]) * rate < _STILL_RAD_S)

    def _force_share(self, motor: int, state: ServoState) -> float:
        """Return the part of the model's force that Goal_PWM leaves."""
        if motor != GRIPPER:
            return state.goal_pwm / wx250s.PWM_LIMIT
        stall_force = wx250s.STALL_TORQUES_NM[motor] * CRANK_RATE_RAD_M
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
        # A joint that its servo does not carry falls: the model's gravity compensation is undone.
        data.qfrc_applied[motor] = torque - data.qfrc_gravcomp[motor]
        self._open_torques[motor] = torque

    @staticmethod
    def _pwm_drive(motor: int, pwm: float) -> tuple[float, float]:
        """Return torque and back-EMF damping of a servo driven by voltage."""
        rate = CRANK_RATE_RAD_M if motor == GRIPPER else 1.0
        stall = wx250s.STALL_TORQUES_NM[motor]
        past_friction = math.copysign(max(abs(pwm) - _BREAKAWAY_PWM, 0.0), pwm)
        return (
            stall * past_friction / wx250s.PWM_LIMIT * rate,
            stall / wx250s.NO_LOAD_SPEEDS_RAD_S[motor] * rate**2,
        )
