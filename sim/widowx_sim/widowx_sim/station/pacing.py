# SPDX-License-Identifier: Apache-2.0
"""Decides when simulated time goes on: in lock-step with commands, or with the wall clock."""

from dataclasses import dataclass

TICK_S = 0.01
"""Simulated time between two joint states [s]."""


@dataclass(frozen=True, kw_only=True)
class PacingConfig:
    """How simulated time goes on."""

    pacing: str = 'lockstep'
    """'lockstep': each control period waits for its commands; 'realtime': by the wall clock."""
    speed: float = 1.0
    """Simulated seconds per wall second, realtime only."""
    camera_rate_hz: float = 20.0
    """Frames per simulated second, realtime only; lock-step has one per control period."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        if self.pacing not in ('lockstep', 'realtime'):
            raise ValueError(f'pacing is {self.pacing!r}: give lockstep or realtime')
        if not 0.0 < self.speed <= 100.0:
            raise ValueError(f'speed is {self.speed}: give more than 0 and at most 100')
        if not 0.0 < self.camera_rate_hz <= 1.0 / TICK_S:
            raise ValueError(
                f'camera_rate_hz is {self.camera_rate_hz}: give more than 0 and at '
                f'most {1.0 / TICK_S:.0f} Hz'
            )


class LockstepGate:
    """Holds time at a control boundary until both commands for the next period have come."""

    REPUBLISH_AFTER_S = 0.5
    """Wall time without a pair of commands after which the boundary is published again, for
    subscribers that missed it [s]."""

    def __init__(self) -> None:
        """Create a gate at a boundary that has never been published."""
        self._published_s = -float('inf')
        self._has_arm = False
        self._has_gripper = False

    def begin(self, wall_s: float) -> None:
        """Note that a new boundary was published at wall time `wall_s` [s]."""
        self._published_s = wall_s
        self._has_arm = self._has_gripper = False

    def note_arm(self) -> None:
        """Note a command for the arm."""
        self._has_arm = True

    def note_gripper(self) -> None:
        """Note a command for the gripper."""
        self._has_gripper = True

    def is_open(self) -> bool:
        """Tell whether both commands have come since the boundary."""
        return self._has_arm and self._has_gripper

    def take_republish(self, wall_s: float) -> bool:
        """Tell whether to publish the boundary again now, at most once per waiting time."""
        if wall_s - self._published_s < self.REPUBLISH_AFTER_S:
            return False
        self._published_s = wall_s
        return True


class RealtimePacer:
    """Turns passing wall time into ticks of simulated time."""

    def __init__(self, speed: float, most_ticks: int = 20) -> None:
        """Create a pacer; time starts at the first call of `take_due_ticks`.

        Args:
            speed: simulated seconds per wall second.
            most_ticks: most ticks that are due at once; further delay is dropped, so that no
                burst follows a stall.
        """
        self._speed = speed
        self._most_ticks = most_ticks
        self._last_s: float | None = None
        self._owed_s = 0.0

    def take_due_ticks(self, wall_s: float) -> int:
        """Return how many ticks of simulated time are due at wall time `wall_s` [s]."""
        if self._last_s is not None:
            self._owed_s += (wall_s - self._last_s) * self._speed
        self._last_s = wall_s
        ticks = max(0, int(self._owed_s / TICK_S + 1e-6))
        self._owed_s -= ticks * TICK_S
        return min(ticks, self._most_ticks)

    def note_advanced(self, duration_s: float) -> None:
        """Note simulated time [s] that has already passed, so that it is no longer due."""
        self._owed_s -= duration_s
