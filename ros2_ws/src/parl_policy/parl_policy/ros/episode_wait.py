# SPDX-License-Identifier: Apache-2.0
"""How an episode waits: for one thing at a time, not for ever, and not once nobody wants it."""

from collections.abc import Callable
from dataclasses import dataclass
import time
from typing import TypeVar

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from parl_files.error import ParlError


class EpisodeAbortError(ParlError):
    """Ends the running episode; the message names what failed and what to do about it."""


Value = TypeVar('Value')


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    ready: Callable[[], object]
    """Gives it, or None."""
    future: Future
    """Gets it."""
    since: float
    """Wall time of the beginning [s, monotonic]."""
    timeout_s: float
    """After this the episode is aborted."""
    missing: Callable[[], str]
    """Says what has not come."""
    is_input: bool
    """Whether it is due each control period; else a person may take minutes for it."""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since


class EpisodeWait:
    """Whatever may end the waiting calls `look`; a timer does ten times a second."""

    LATE_S = 1.0
    """Wall time after which a missing input is reported."""

    def __init__(self, node: Node) -> None:
        """Wait for nothing."""
        self.is_paused = False
        """While it holds no time limit runs out."""
        self.is_cancelled: Callable[[], bool] = lambda: False
        """Whether whoever wanted the episode wants it no longer."""
        self._waiting: _Waiting | None = None
        # The wall's clock: the simulated one stands still while an input is missing.
        node.create_timer(0.1, self.look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    async def until(
        self,
        ready: Callable[[], Value | None],
        timeout_s: float,
        missing: Callable[[], str],
        is_input: bool = False,
    ) -> Value:
        """Wait until `ready` gives a value; say what is `missing` after a wall time.

        Raises:
            EpisodeAbortError: Nothing came in time, or `ready` raised it.
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
            )
            try:
                value = await future
            finally:
                self._waiting = None
        return value

    def look(self) -> None:
        """End the waiting if it has an end."""
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
        """Which input the episode has been waiting for too long; empty if for none."""
        waiting = self._waiting
        if waiting is None or not waiting.is_input or self.is_paused:
            return ''
        if waiting.seconds < self.LATE_S:
            return ''
        missing = waiting.missing()
        return f'waits {waiting.seconds:.1f} s: {missing}' if missing else ''
