# SPDX-License-Identifier: Apache-2.0
"""Motion profiles of Dynamixel servos, by time or by velocity, for several motors at once."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.trapezoid import Trapezoid

_SHORTEST_S = 1e-6


@dataclass
class TimeProfile:
    """Set-points that move to a goal with a trapezoidal velocity.

    Source: manual of the Dynamixel X series. If bit 2 of Drive_Mode is set (`is_time`),
    Profile_Velocity is the duration of a move and Profile_Acceleration the duration of its
    acceleration. If it is clear, they are speed and acceleration, and 0 means as fast as the servo
    can. A new goal starts a new profile at rest from the current set-point. A move that would
    exceed the velocity limit takes longer.
    """

    positions: FloatArray
    """(N,) set-points now [unit of the motor]."""
    velocity_limits: FloatArray
    """(N,) highest speed [unit/s]."""
    durations_s: FloatArray
    """(N,) duration of the next moves."""
    accelerations_s: FloatArray
    """(N,) acceleration time of the next moves, at most half a move's duration."""
    is_time: NDArray[np.bool_] = field(init=False)
    """(N,) whether the next moves go by time; if not, they go by velocity."""
    speeds: FloatArray = field(init=False)
    """(N,) speed of the next moves by velocity [unit/s]; 0: the velocity limit."""
    slopes: FloatArray = field(init=False)
    """(N,) acceleration of the next moves by velocity [unit/s^2]; 0: at once."""
    goals: FloatArray = field(init=False)
    """(N,) goals of the set-points [unit of the motor]."""

    def __post_init__(self) -> None:
        """Start at rest, by time."""
        self.is_time = np.ones(np.shape(self.positions), dtype=bool)
        self.speeds = np.zeros_like(self.velocity_limits)
        self.slopes = np.zeros_like(self.velocity_limits)
        self.hold(self.positions)

    def hold_motor(self, motor: int, position: float) -> None:
        """Put the set-point of one motor at a position at once, at rest; the others go on."""
        self.positions = self.positions.copy()
        self.positions[motor] = self.goals[motor] = position
        self._moves[motor] = _rest(position)

    def hold(self, positions: FloatArray) -> None:
        """Put all set-points at `positions` (N,) at once, at rest."""
        self.positions = np.array(positions, dtype=np.float64)
        self.goals = self.positions.copy()
        self._moves = [_rest(position) for position in self.positions.tolist()]

    def move_to(self, goals: FloatArray, motors: list[int] | slice) -> None:
        """Begin a move of some motors.

        Args:
            goals: goal of each of the motors [unit of the motor].
            motors: indices of the motors.
        """
        distances = np.abs(goals - self.positions[motors])
        by_velocity = self._velocity_durations(distances, motors)
        is_time = self.is_time[motors]
        totals = np.maximum(
            np.where(is_time, self.durations_s[motors], by_velocity[0]), _SHORTEST_S
        )
        accelerations = np.where(is_time, self.accelerations_s[motors], by_velocity[1])
        ramps = np.clip(accelerations, _SHORTEST_S / 2, totals / 2)
        shortest = distances / self.velocity_limits[motors] + ramps
        totals = np.maximum(totals, shortest)
        self.goals[motors] = goals
        begun = zip(self.positions[motors].tolist(), self.goals[motors].tolist(),
                    totals.tolist(), ramps.tolist(), strict=True)  # fmt: skip
        indices = np.arange(self.positions.size)[motors].tolist()
        for motor, move in zip(indices, begun, strict=True):
            self._moves[motor] = Trapezoid(*move)

    def _velocity_durations(
        self, distances: FloatArray, motors: list[int] | slice
    ) -> tuple[FloatArray, FloatArray]:
        """Return duration and acceleration time of moves by velocity [s]."""
        limits = self.velocity_limits[motors]
        speeds = np.where(self.speeds[motors] > 0.0, self.speeds[motors], limits)
        speeds = np.minimum(speeds, limits)
        slopes = np.where(self.slopes[motors] > 0.0, self.slopes[motors], np.inf)
        # A short move ends before the speed is reached: its velocity is a triangle.
        ramps = np.minimum(speeds / slopes, np.sqrt(distances / slopes))
        peaks = np.where(np.isinf(slopes), speeds, np.maximum(ramps, _SHORTEST_S) * slopes)
        return distances / np.maximum(peaks, 1e-9) + ramps, ramps

    def advance(self, duration_s: float) -> FloatArray:
        """Let time pass.

        Args:
            duration_s: the time that passes.

        Returns:
            (N,) new set-points.
        """
        self.positions = np.array([move.advance(duration_s) for move in self._moves])
        return self.positions


def _rest(position: float) -> Trapezoid:
    return Trapezoid(position, position, _SHORTEST_S, _SHORTEST_S / 2)
