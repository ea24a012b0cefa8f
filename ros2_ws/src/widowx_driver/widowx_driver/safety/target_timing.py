# SPDX-License-Identifier: Apache-2.0
"""Refuses targets that come too late, too early, too often or twice."""

import numpy as np

from widowx_driver.driver_config import DriverConfig


class TargetTiming:
    """Knows the last accepted target's stamp and when it was answered, by the node clock [s]."""

    def __init__(self, config: DriverConfig, control_period_s: float) -> None:
        """Create a record without an accepted target."""
        self._config = config
        self._spacing_s = config.min_target_spacing_periods * control_period_s
        self.forget()

    def forget(self) -> None:
        """Forget the last accepted target."""
        self._newest_stamp_s = self._answered_at_s = -np.inf

    def accept(self, stamp_s: float, now_s: float) -> None:
        """Note a target that was answered by a command."""
        self._newest_stamp_s, self._answered_at_s = stamp_s, now_s

    def elapsed_s(self, now_s: float) -> float:
        """Return the time since the last command; infinite if there was none."""
        # Times since 1970 are exact to a microsecond: the rest would differ from run to run.
        return round(now_s - self._answered_at_s, 6)

    def fault(self, stamp_s: float, now_s: float) -> str:
        """Return why a target of that stamp must not be answered now, or an empty string."""
        if stamp_s <= self._newest_stamp_s:
            return (
                f'target stamp {stamp_s:.3f} s is not newer than the last accepted '
                f'{self._newest_stamp_s:.3f} s'
            )
        if now_s - stamp_s > self._config.max_target_age_s:
            return f'target is from an observation {now_s - stamp_s:.2f} s old; the policy is late'
        if stamp_s - now_s > self._config.max_target_lead_s:
            return f'target stamp lies {stamp_s - now_s:.2f} s in the future; compare the clocks'
        if self.elapsed_s(now_s) < self._spacing_s - 1e-6:
            return (
                f'target came {self.elapsed_s(now_s):.3f} s after the last; wait at least '
                f'{self._spacing_s:.3f} s'
            )
        return ''
