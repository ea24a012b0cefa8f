# SPDX-License-Identifier: Apache-2.0
"""Plays a trajectory as the arm's driver does, with its timing defect."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from widowx_sim.servos.command_error import CommandError
from widowx_sim.servos.floats import FloatArray

_WRAP_NS = 2**32


class TrajectoryPlayer:
    """Sends one waypoint after the other, each when the one before it is due, without the first.

    The real driver computes each waiting time from the nanosecond parts of two stamps alone, in
    unsigned 32 bits. Across a whole second it wraps, and the arm pauses about 3.34 s too long.
    """

    def __init__(self, command: Callable[[list[int], FloatArray], None]) -> None:
        """Create the player; `command` gives goals to motors."""
        self._command = command
        self._motors: list[int] = []
        self._waypoints: list[FloatArray] = []
        self._waits_s: list[float] = []
        self._due_s = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether waypoints are left."""
        return bool(self._waypoints)

    def begin(
        self,
        motors: list[int],
        waypoints: Sequence[FloatArray],
        nanoseconds: Sequence[int],
        now_s: float,
    ) -> None:
        """Send the second waypoint at once and remember the others; the first is where the arm is.

        Args:
            motors: motors that the goals are for.
            waypoints: goals, one array per waypoint [rad; m of the finger].
            nanoseconds: nanosecond part of each waypoint's time_from_start.
            now_s: time.

        Raises:
            CommandError: a trajectory is still being played, there are fewer than two waypoints,
                or a waypoint has the wrong length.
        """
        if self.is_busy:
            raise CommandError('trajectory refused: joints are still moving; wait for its end')
        if len(waypoints) < 2:
            raise CommandError('trajectory refused: give at least 2 waypoints')
        if any(len(waypoint) != len(motors) for waypoint in waypoints):
            raise CommandError(f'trajectory refused: give {len(motors)} positions a waypoint')
        self._motors, self._waypoints = motors, list(waypoints[1:])
        self._waits_s = [
            1e-9 * ((after - before) % _WRAP_NS) for before, after in pairwise(nanoseconds)
        ]
        self._due_s = now_s
        self.poll(now_s)

    def poll(self, now_s: float) -> None:
        """Send the waypoints that are due; raises CommandError for goals out of range."""
        while self._waypoints and now_s >= self._due_s - 1e-9:
            waypoint = self._waypoints.pop(0)
            self._due_s += self._waits_s.pop(0) if self._waits_s else 0.0
            self._command(self._motors, waypoint)
