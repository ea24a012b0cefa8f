# SPDX-License-Identifier: Apache-2.0
"""The operator's stop, and how long it has refused targets."""

import numpy as np

from widowx_driver.driver_config import DriverConfig


class OperatorStop:
    """A stop that is in force from `press` to `release`."""

    REASON = 'stopped by the operator; call resume'

    def __init__(self, config: DriverConfig, control_period_s: float) -> None:
        """Create a stop that is not in force."""
        self._patience_s = config.stop_patience_s
        self._gap_s = config.max_target_silence_periods * control_period_s
        self._refused_at_s = self._refused_since_s = -np.inf
        self.is_pressed = False

    def press(self) -> None:
        """Hold where the arm is commanded to be."""
        self.is_pressed = True
        self._refused_at_s = -np.inf

    def release(self) -> None:
        """Take targets again."""
        self.is_pressed = False

    def refuse(self, now_s: float) -> bool:
        """Note that a target was refused.

        Returns:
            Whether targets have been refused for so long that the episode must end.
        """
        if not self.is_pressed:
            return False
        if not now_s - self._refused_at_s <= self._gap_s:  # the first, or the policy had paused
            self._refused_since_s = now_s
        self._refused_at_s = now_s
        return now_s - self._refused_since_s >= self._patience_s
