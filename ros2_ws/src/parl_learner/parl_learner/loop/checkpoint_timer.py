# SPDX-License-Identifier: Apache-2.0
"""The time of the next checkpoint."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import time

WORK_PER_WRITING = 19.0
"""Seconds of work for each second of writing; a million states take 30 s to write."""


class CheckpointTimer:
    """Says when a checkpoint is due, so that writing takes at most a twentieth of the time."""

    def __init__(self, every_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Start the clock; the first checkpoint is due after `every_s` [s]."""
        self._clock_s = clock_s
        self._every_s = every_s
        self._wait_s = every_s
        self._saved_at = clock_s()

    @property
    def is_due(self) -> bool:
        """Whether the work since the last checkpoint is worth another one."""
        return self._clock_s() - self._saved_at > self._wait_s

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Measure the writing of a checkpoint; if it fails, one is due again at once."""
        began = self._clock_s()
        yield
        self._saved_at = self._clock_s()
        self._wait_s = self._every_s + WORK_PER_WRITING * (self._saved_at - began)
