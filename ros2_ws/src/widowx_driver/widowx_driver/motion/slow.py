# SPDX-License-Identifier: Apache-2.0
"""A slow motion of the arm: one set-point per control period, by the arm's own stamps."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from widowx_description.arm import joint_limits
from widowx_driver.arm.pose import FloatArray
from widowx_driver.arm.state import ArmState
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import DriverTask
from widowx_driver.safety.command import Command
from widowx_driver.safety.limits import clip_joints
from widowx_driver.safety.shell import SafetyShell

STAMP_TOLERANCE_S = 0.005
"""Half the period of joint_states: a set-point is sent at the nearest state."""


@dataclass(frozen=True, kw_only=True)
class MotionResult:
    """How a slow motion ended."""

    success: bool
    """the arm is where it should be"""
    message: str
    """what happened, or what to do"""


class SlowMotion(ABC):
    """Sends set-points along a path and checks at its end whether the arm has arrived.

    It advances on joint_states alone, so it also works where time stands still between commands.
    A derived class plans the path in `begin`, stops it in `_fault` and judges it in `_arrive`.
    """

    is_watched = True
    """Whether every joint is expected to follow."""

    def __init__(self, shell: SafetyShell, config: DriverConfig, task: DriverTask) -> None:
        self._shell = shell
        self._config = config
        self._period_s = task.control_period_s
        self._set_points: FloatArray | None = None
        self._next = 0
        self._sent_s = -np.inf

    @property
    def is_active(self) -> bool:
        """Whether set-points are being sent."""
        return self._set_points is not None

    @abstractmethod
    def begin(self, state: ArmState | None, now_s: float) -> MotionResult | None:
        """Plan the path from the measured joints.

        Args:
            state: Newest measured state.
            now_s: Time of the node clock.

        Returns:
            The result if no motion is needed or allowed; None once the motion runs.
        """

    def advance(self, state: ArmState, now_s: float) -> Command | MotionResult | None:
        """Take one measured state and do what is due.

        Returns:
            The next command when it is due, the result at the end, None in between.
        """
        if self._set_points is None or state.stamp_s < self._sent_s + self._wait_s():
            return None
        fault = self._fault(state, now_s)
        if fault:
            self.cancel()
            return MotionResult(success=False, message=fault)
        count = len(self._set_points)
        if self._next >= count:
            result = self._arrive(state, now_s)
            waited_s = (self._next - count) * self._period_s
            if result.success or waited_s >= self._config.arrival_timeout_s:
                self.cancel()
                return result
        joints = self._set_points[min(self._next, count - 1)]
        self._next += 1
        self._sent_s = state.stamp_s
        if self.is_watched:
            self._shell.note_sent(state.stamp_s, joints)
        return replace(self._shell.start_command, joint_positions=joints)

    def cancel(self) -> None:
        """Send no further set-points; the arm stays at the last one."""
        self._set_points = None

    def _follow(self, way: FloatArray) -> None:
        self._shell.forget()
        # A limp arm may lie in the margin of its joint limits; no command goes there.
        lower, upper = joint_limits(self._config.joint_margin_rad)
        self._set_points, _ = clip_joints(way, lower, upper)
        self._next, self._sent_s = 0, -np.inf

    @abstractmethod
    def _fault(self, state: ArmState | None, now_s: float) -> str: ...

    @abstractmethod
    def _arrive(self, state: ArmState, now_s: float) -> MotionResult: ...

    def _wait_s(self) -> float:
        return self._period_s - STAMP_TOLERANCE_S
