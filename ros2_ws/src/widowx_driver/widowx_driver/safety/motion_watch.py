# SPDX-License-Identifier: Apache-2.0
"""Checks whether the arm follows its commands, and how hard it pushes."""

from collections import deque

import numpy as np

from widowx_description.arm import JOINT_NAMES
from widowx_driver.arm.pose import FloatArray
from widowx_driver.arm.state import ArmState
from widowx_driver.driver_config import DriverConfig

_STAMP_ERROR_S = 1e-6
"""Rounding error of the time since 1970 [s]; a command exactly as old as the window is in it."""

STATES_TO_BELIEVE = 3
"""Consecutive states that must agree: a single one may be misread."""

STANDSTILL_RAD = 0.03
"""An arm that moves less than this in the effort window may push; else it accelerates."""

EFFORT_LIMITS = 1.7 * np.array([800.0, 1000.0, 600.0, 600.0, 600.0, 700.0]) + 10.0
"""(6,) mean effort at which the Bridge station aborts [mA]; wrist_rotate: 45 % of load."""


class MotionWatch:
    """Compares measured joints with the band that recent commands span.

    A servo lags its commands by up to its profile, so a joint is right anywhere between the
    set-points of the last `tracking_window_s`. A servo that has let go leaves that band.
    """

    def __init__(self, config: DriverConfig) -> None:
        self._config = config
        self._commands: deque[tuple[float, FloatArray]] = deque()
        self._band: tuple[tuple[float, float], ...] | None = None
        self._efforts: deque[tuple[float, FloatArray, FloatArray]] = deque()
        self._outside = 0
        self._seen_s = -np.inf

    def forget(self) -> None:
        """Forget all commands: none is in force."""
        self._commands.clear()
        self._band = None
        self._efforts.clear()
        self._outside, self._seen_s = 0, -np.inf

    def note_command(self, stamp_s: float, joint_positions: FloatArray) -> None:
        """Take a command (6,) [rad] that answers the joint state with this stamp [s]."""
        self._commands.append((stamp_s, joint_positions))
        self._band = None

    def fault(self, state: ArmState) -> str:
        """Take a believable state; return what is wrong, or an empty string.

        A repeated state is ignored: in lock-step a reset moves the arm while time stands still.
        """
        if state.stamp_s <= self._seen_s:
            return ''
        self._seen_s = state.stamp_s
        return self._tracking_fault(state) or self._effort_fault(state)

    def _tracking_fault(self, state: ArmState) -> str:
        if not self._commands:
            return ''
        # The last command before the window is still being carried out within it.
        while len(self._commands) > 1 and self._is_old(self._commands[1][0], state.stamp_s):
            self._commands.popleft()
            self._band = None
        # Commands come and go twice a control step, joint states many times in one.
        if self._band is None:
            spanned = np.array([joints for _, joints in self._commands])
            low, high = spanned.min(axis=0).tolist(), spanned.max(axis=0).tolist()
            self._band = tuple(zip(low, high, strict=True))
        error = [
            at - min(max(at, low), high)
            for at, (low, high) in zip(state.joint_positions.tolist(), self._band, strict=True)
        ]
        worst = max(range(len(error)), key=lambda joint: abs(error[joint]))
        is_outside = abs(error[worst]) > self._config.max_band_error_rad
        self._outside = self._outside + 1 if is_outside else 0
        if self._outside < STATES_TO_BELIEVE:
            return ''
        return (
            f'{JOINT_NAMES[worst]} is {error[worst]:+.2f} rad off its commands: it does not '
            'follow; clear its way or check its servo, then call go_to_start'
        )

    def _effort_fault(self, state: ArmState) -> str:
        if state.efforts is None or not np.all(np.isfinite(state.efforts)):
            return ''
        window_s = self._config.effort_window_s
        self._efforts.append((state.stamp_s, state.efforts, state.joint_positions))
        while self._efforts[0][0] < state.stamp_s - window_s:
            self._efforts.popleft()
        if self._efforts[-1][0] - self._efforts[0][0] < 0.8 * window_s:
            return ''
        joints = np.concatenate([joints for _, _, joints in self._efforts]).reshape(-1, 6)
        if np.max(np.ptp(joints, axis=0)) > STANDSTILL_RAD:
            return ''
        efforts = np.concatenate([efforts for _, efforts, _ in self._efforts]).reshape(-1, 6)
        mean = np.abs(np.mean(efforts, axis=0))
        worst = int(np.argmax(mean / EFFORT_LIMITS))
        if mean[worst] <= EFFORT_LIMITS[worst]:
            return ''
        return (
            f'{JOINT_NAMES[worst]} pushes with {mean[worst]:.0f} (limit '
            f'{EFFORT_LIMITS[worst]:.0f} mA over {window_s:g} s): something is in its way; '
            'clear it, then call go_to_start'
        )

    def _is_old(self, stamp_s: float, now_s: float) -> bool:
        return stamp_s < now_s - self._config.tracking_window_s - _STAMP_ERROR_S
