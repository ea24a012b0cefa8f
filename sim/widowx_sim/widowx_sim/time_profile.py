# SPDX-License-Identifier: Apache-2.0
"""Time-based motion profile of Dynamixel servos, several motors at once."""

from dataclasses import dataclass, field

import numpy as np

from widowx_sim.floats import FloatArray

_SHORTEST_S = 1e-6


@dataclass
class TimeProfile:
    """Set-points that go from where they are to a goal in a given time, trapezoidal in velocity.

    Dynamixel X series, Drive_Mode bit 2: Profile_Velocity is the duration of a move and
    Profile_Acceleration the duration of its acceleration. A new goal starts a new profile at rest
    from the current set-point. A move that would exceed the velocity limit takes longer instead.
    """

    positions: FloatArray
    """(N,) set-points now [unit of the motor]."""
    velocity_limits: FloatArray
    """(N,) highest speed [unit/s]."""
    durations_s: FloatArray
    """(N,) duration of the next moves."""
    accelerations_s: FloatArray
    """(N,) duration of the acceleration of the next moves; half the move is used if it is more."""
    goals: FloatArray = field(init=False)
    """(N,) where the set-points go."""

    def __post_init__(self) -> None:
        """Start at rest."""
        self.hold(self.positions)

    def hold(self, positions: FloatArray) -> None:
        """Put the set-points at `positions` (N,) at once, at rest."""
        self.positions = np.array(positions, dtype=np.float64)
        self.goals = self.positions.copy()
        self._starts = self.positions.copy()
        self._elapsed_s = np.zeros_like(self.positions)
        self._totals_s = np.full_like(self.positions, _SHORTEST_S)
        self._ramps_s = np.full_like(self.positions, _SHORTEST_S / 2)

    def move_to(self, goals: FloatArray, motors: slice) -> None:
        """Begin a move of some motors.

        Args:
            goals: goal of each of those motors [unit of the motor].
            motors: which of the N motors.
        """
        distances = np.abs(goals - self.positions[motors])
        totals = np.maximum(self.durations_s[motors], _SHORTEST_S)
        ramps = np.clip(self.accelerations_s[motors], _SHORTEST_S / 2, totals / 2)
        shortest = distances / self.velocity_limits[motors] + ramps
        self._totals_s[motors] = np.maximum(totals, shortest)
        self._ramps_s[motors] = ramps
        self._starts[motors] = self.positions[motors]
        self._elapsed_s[motors] = 0.0
        self.goals[motors] = goals

    def advance(self, duration_s: float) -> FloatArray:
        """Let time pass.

        Args:
            duration_s: [s].

        Returns:
            (N,) new set-points.
        """
        self._elapsed_s += duration_s
        total, ramp = self._totals_s, self._ramps_s
        elapsed = np.minimum(self._elapsed_s, total)
        left = total - elapsed
        peak = 1.0 / (total - ramp)
        fraction = np.where(
            elapsed < ramp,
            0.5 * peak * elapsed**2 / ramp,
            np.where(
                left < ramp, 1.0 - 0.5 * peak * left**2 / ramp, peak * (elapsed - 0.5 * ramp)
            ),
        )
        moved = self._starts + fraction * (self.goals - self._starts)
        self.positions = np.where(left <= 0.0, self.goals, moved)
        return self.positions
