# SPDX-License-Identifier: Apache-2.0
"""Turns Ctrl-C, SIGTERM and a closed terminal into requests to the driver."""

import signal


class Interrupts:
    """Notes signals instead of raising in the middle of a callback.

    Each of them asks for parking. Only a second Ctrl-C ends the parking: `ros2 launch` sends
    SIGTERM to all that still runs 5 s after Ctrl-C, and parking takes longer.
    """

    def __init__(self) -> None:
        self._counts = {signal.SIGINT: 0, signal.SIGTERM: 0, signal.SIGHUP: 0}
        for number in self._counts:
            signal.signal(number, self._note)

    @property
    def ask_to_park(self) -> bool:
        """Whether a signal came."""
        return any(self._counts.values())

    @property
    def ask_to_end(self) -> bool:
        """Whether Ctrl-C came twice."""
        return self._counts[signal.SIGINT] > 1

    def _note(self, number: int, _frame: object) -> None:
        self._counts[signal.Signals(number)] += 1
