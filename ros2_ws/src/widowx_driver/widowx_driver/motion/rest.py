# SPDX-License-Identifier: Apache-2.0
"""The slow motion to the rest pose, in which the servos may let the arm go."""

from collections.abc import Callable

import numpy as np

from widowx_description.arm import JOINT_NAMES, REST_JOINTS
from widowx_driver.arm.state import ArmState
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import DriverTask
from widowx_driver.motion.joint_ramp import joint_ramp
from widowx_driver.motion.slow import MotionResult, SlowMotion
from widowx_driver.safety.shell import SafetyShell


class RestMotion(SlowMotion):
    """Moves the arm over its start pose to its rest pose; limp joints are left as they are."""

    is_watched = False

    def __init__(
        self,
        shell: SafetyShell,
        config: DriverConfig,
        task: DriverTask,
        limp: Callable[[], tuple[str, ...]],
    ) -> None:
        """Create the motion; `limp` returns the names of the joints that do not hold."""
        super().__init__(shell, config, task)
        self._limp = limp

    def begin(self, state: ArmState | None, now_s: float) -> MotionResult | None:
        """Plan the path; it leads straight to the rest pose if a joint is limp."""
        self.cancel()
        fault = self._fault(state, now_s)
        if fault or state is None:
            return MotionResult(success=False, message=fault)
        if self.rests(state):
            return self._arrive(state, now_s)
        limp = np.isin(JOINT_NAMES, self._limp())
        rest = np.where(limp, state.joint_positions, REST_JOINTS)
        speed, start = self._config.start_speed_rad_s, self._shell.start_command.joint_positions
        if np.any(limp):
            way = joint_ramp(state.joint_positions, rest, speed, self._period_s)
        else:
            # From anywhere in the workspace the path to the start pose stays above the table.
            way = np.vstack([
                joint_ramp(state.joint_positions, start, speed, self._period_s),
                joint_ramp(start, rest, speed, self._period_s),
            ])  # fmt: skip
        self._follow(way)
        return None

    def rests(self, state: ArmState) -> bool:
        """Tell whether the arm lies so near its rest pose that it may be let go."""
        error = np.abs(state.joint_positions - REST_JOINTS)
        # waist, forearm_roll and wrist_rotate carry no weight there.
        return bool(np.all(error[[1, 2, 4]] <= self._config.rest_tolerance_rad))

    def _fault(self, state: ArmState | None, now_s: float) -> str:
        return self._shell.reading_fault(state, now_s)

    def _arrive(self, state: ArmState, now_s: float) -> MotionResult:
        if self.rests(state):
            return MotionResult(success=True, message='at the rest pose')
        error = state.joint_positions - REST_JOINTS
        worst = int(np.argmax(np.abs(error * [0, 1, 1, 0, 1, 0])))
        return MotionResult(
            success=False,
            message=f'{JOINT_NAMES[worst]} is {error[worst]:+.2f} rad from the rest pose; '
            'support the arm, then call recover',
        )
