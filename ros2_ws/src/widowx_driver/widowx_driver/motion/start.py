# SPDX-License-Identifier: Apache-2.0
"""The slow motion to the start pose."""

import numpy as np

from widowx_driver.arm.state import ArmState
from widowx_driver.motion.joint_ramp import joint_ramp
from widowx_driver.motion.slow import MotionResult, SlowMotion
from widowx_driver.safety.command import Hold


class StartMotion(SlowMotion):
    """Moves the arm to the start pose and hands it over to the shell."""

    def begin(self, state: ArmState | None, now_s: float) -> MotionResult | None:
        """Plan the path; it takes at least two seconds if nothing was commanded before."""
        self.cancel()
        fault = self._shell.arm_fault(state, now_s)
        if fault or state is None:
            return MotionResult(success=False, message=fault)
        goal = self._shell.start_command
        distance = float(np.max(np.abs(state.joint_positions - goal.joint_positions)))
        is_gripper_there = abs(state.finger_m - goal.finger_m) <= self._config.finger_tolerance_m
        is_arm_there = distance <= self._config.at_start_tolerance_rad
        if is_arm_there and is_gripper_there:
            return self._arrive(state, now_s)
        shortest_s = 0.0 if is_gripper_there else self._config.gripper_move_s
        if not is_arm_there and self._shell.last_command is None:
            shortest_s = max(shortest_s, self._config.first_move_s)
        self._follow(
            joint_ramp(
                state.joint_positions,
                goal.joint_positions,
                self._config.start_speed_rad_s,
                self._period_s,
                shortest_s,
            )
        )
        return None

    def _fault(self, state: ArmState | None, now_s: float) -> str:
        return self._shell.arm_fault(state, now_s) or self._shell.lost

    def _arrive(self, state: ArmState, now_s: float) -> MotionResult:
        outcome = self._shell.start(state, now_s)
        if isinstance(outcome, Hold):
            return MotionResult(success=False, message=outcome.reason)
        return MotionResult(success=True, message='at the start pose')
