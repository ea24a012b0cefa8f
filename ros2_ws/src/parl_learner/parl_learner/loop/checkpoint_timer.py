# SPDX-License-Identifier: Apache-2.0
"""When the next checkpoint is due."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import time

WORK_PER_WRITING = 9.0
"""Time to work for each second of writing: the samples of a million states take half a minute."""


class CheckpointTimer:
    """Due after so many seconds; later where writing takes long: a tenth of the time at most."""

    def __init__(self, every_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Count from now."""
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
        """Surrounds the writing of a checkpoint; one that fails is due again at once."""
        began = self._clock_s()
        yield
        self._saved_at = self._clock_s()
        self._wait_s = self._every_s + WORK_PER_WRITING * (self._saved_at - began)
