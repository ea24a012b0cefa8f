# SPDX-License-Identifier: Apache-2.0
"""Waits for one input of an episode at a time, until a time-out or until it is cancelled."""

from collections.abc import Callable
from dataclasses import dataclass
import time
from typing import TypeVar

from rclpy.node import Node
from rclpy.task import Future

from parl_files.error import ParlError
from parl_node.steady_timer import steady_timer


class EpisodeAbortError(ParlError):
    """The running episode must end; the message names what failed and the remedy."""


class EpisodeOwnError(EpisodeAbortError):
    """What was done in the episode ends it: from the same start it would end so again."""


Value = TypeVar('Value')


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    ready: Callable[[], object]
    """Returns the value that is waited for, or None."""
    future: Future
    """Gets the value."""
    since: float
    """Wall time at which the wait began [s, monotonic]."""
    timeout_s: float
    """Wall time after which the episode is aborted [s]."""
    missing: Callable[[], str]
    """Returns what has not come yet."""
    is_input: bool
    """Whether it is due in each control period; otherwise a person may take minutes for it."""
    progressed_at: Callable[[], float]
    """Returns when it last came nearer [s, monotonic]; the time limit begins anew with that."""

    @property
    def seconds(self) -> float:
        return time.monotonic() - max(self.since, self.progressed_at())


class EpisodeWait:
    """Waits until a value is there; everything that may end the wait calls `look`."""

    LATE_S = 1.0
    """Wall time after which a missing input is reported [s]."""

    def __init__(self, node: Node) -> None:
        """Start a timer that calls `look` ten times a second."""
        self.is_paused = False
        """Whether the station is paused; then no time limit runs out."""
        self.is_cancelled: Callable[[], bool] = lambda: False
        """Returns whether the client has cancelled the episode."""
        self._waiting: _Waiting | None = None
        # Wall time, because simulated time stands still while an input is missing.
        steady_timer(node, 0.1, self.look)

    async def until(
        self,
        ready: Callable[[], Value | None],
        timeout_s: float,
        missing: Callable[[], str],
        is_input: bool = False,
        progressed_at: Callable[[], float] = lambda: 0.0,
    ) -> Value:
        """Wait until `ready` returns a value.

        Args:
            ready: Returns the value, or None.
            timeout_s: Wall time after which the episode is aborted [s].
            missing: Returns what has not come, for the error message.
            is_input: Whether it is due in each control period.
            progressed_at: Returns when the value last came nearer [s, monotonic]; the limit
                begins anew with that.

        Raises:
            EpisodeAbortError: No value came in time, or `ready` raised it.
        """
        value = None if self.is_cancelled() else ready()
        while value is None:
            future: Future = Future()
            self._waiting = _Waiting(
                ready=ready,
                future=future,
                since=time.monotonic(),
                timeout_s=timeout_s,
                missing=missing,
                is_input=is_input,
                progressed_at=progressed_at,
            )
            try:
                value = await future
            finally:
                self._waiting = None
        return value

    def look(self) -> None:
        """End the wait if the value is there, the time is over, or the client has cancelled."""
        waiting = self._waiting
        if waiting is None or waiting.future.done():
            return
        if self.is_cancelled():
            waiting.future.set_exception(EpisodeAbortError('cancelled by the client'))
            return
        try:
            value = waiting.ready()
        except EpisodeAbortError as error:
            waiting.future.set_exception(error)
            return
        if value is not None:
            waiting.future.set_result(value)
        elif waiting.seconds > waiting.timeout_s and not self.is_paused:
            reason = waiting.missing() or 'paused for too long'
            waiting.future.set_exception(EpisodeAbortError(reason))

    def lacks(self) -> str:
        """Name the input that the episode has waited for too long; empty if there is none."""
        waiting = self._waiting
        if waiting is None or not waiting.is_input or self.is_paused:
            return ''
        if waiting.seconds < self.LATE_S:
            return ''
        missing = waiting.missing()
        return f'waits {waiting.seconds:.1f} s: {missing}' if missing else ''
