# SPDX-License-Identifier: Apache-2.0
"""Keeps a target until the joint state of its own time has come."""

from collections.abc import Callable
from typing import Generic, TypeVar

Message = TypeVar('Message')


class TargetWait(Generic[Message]):
    """Holds the newest target for a moment, if it came before the joint state of its frame.

    Targets and joint states come over two topics in any order. A target that met the state before
    its own would be limited as if it had come early, and differently each time.
    """

    def __init__(self, patience_s: float, wall_clock_s: Callable[[], float]) -> None:
        """Start without a target.

        Args:
            patience_s: Wall time after which a target no longer waits [s]: the clocks may differ.
            wall_clock_s: Returns the wall time [s].
        """
        self._patience_s = patience_s
        self._wall_clock_s = wall_clock_s
        self._waiting: tuple[Message, float, float] | None = None

    def put(self, message: Message, stamp_s: float) -> None:
        """Take a target with the stamp of its frame [s], instead of the one that waits."""
        self._waiting = (message, stamp_s, self._wall_clock_s())

    def take(self, state_stamp_s: float | None) -> Message | None:
        """Return the target if it may be answered now.

        Args:
            state_stamp_s: Stamp of the newest joint state [s]; None if there is none.
        """
        if self._waiting is None:
            return None
        message, stamp_s, since_s = self._waiting
        is_early = state_stamp_s is not None and state_stamp_s < stamp_s
        if is_early and self._wall_clock_s() - since_s < self._patience_s:
            return None
        self._waiting = None
        return message
