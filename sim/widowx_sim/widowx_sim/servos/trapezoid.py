# SPDX-License-Identifier: Apache-2.0
"""One move of one motor, with a trapezoidal velocity."""


class Trapezoid:
    """A set-point that moves from a start to a goal.

    Computed with plain floats: every physics step asks each motor for one number, and an array of
    seven numbers costs more than seven numbers.
    """

    __slots__ = ('_elapsed_s', '_goal', '_half_peak', '_peak', '_ramp_s', '_start', '_total_s')

    def __init__(self, start: float, goal: float, total_s: float, ramp_s: float) -> None:
        """Begin a move at rest.

        Args:
            start: set-point now [unit of the motor].
            goal: set-point at the end [unit of the motor].
            total_s: duration of the move.
            ramp_s: duration of its acceleration, at most half the move.
        """
        self._start, self._goal = start, goal
        self._total_s, self._ramp_s = total_s, ramp_s
        self._peak = 1.0 / (total_s - ramp_s)
        self._half_peak = 0.5 * self._peak
        self._elapsed_s = 0.0

    def advance(self, duration_s: float) -> float:
        """Let time pass [s] and return the new set-point."""
        self._elapsed_s = elapsed_s = self._elapsed_s + duration_s
        left_s = self._total_s - elapsed_s
        if left_s <= 0.0:
            return self._goal
        ramp_s = self._ramp_s
        if elapsed_s < ramp_s:
            fraction = self._half_peak * (elapsed_s * elapsed_s) / ramp_s
        elif left_s < ramp_s:
            fraction = 1.0 - self._half_peak * (left_s * left_s) / ramp_s
        else:
            fraction = self._peak * (elapsed_s - 0.5 * ramp_s)
        return self._start + fraction * (self._goal - self._start)
