# SPDX-License-Identifier: Apache-2.0
"""Keeps the processes of one launch file running, and ends them together."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
import signal
from typing import Any

from parl_launch.child_process import ChildProcess
from parl_launch.process_specification import ProcessSpecification

GAVE_UP = 2
"""Exit code of a process that should not be started again: it would fail in the same way."""
SIGNALLED = 128
"""Exit codes above this are those of processes that a signal ended."""


class ProcessKeeper:
    """Runs processes until all have ended, one that ends everything ends, or `stop` is called.

    All are told to end at the same time, as `ros2 launch` does. A process that others still need
    must stay by itself: the simulated arm stays until its driver has parked it.
    """

    def __init__(
        self,
        specifications: Sequence[ProcessSpecification],
        write_line: Callable[[str, str], None],
        tidy: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepare the processes; `run` starts them.

        Args:
            specifications: What to run, in the order of the launch file.
            write_line: Called with the name of a process and one line that it printed.
            tidy: Removes what killed processes left; called before the first start, and before
                a process that was killed is started again.
        """
        self._specifications = specifications
        self._write_line = write_line
        self._tidy = tidy
        self._running: set[ChildProcess] = set()
        self._stopping = asyncio.Event()
        self._exit_code = 0

    def stop(self, exit_code: int) -> None:
        """End everything; the first call decides what `run` returns."""
        if not self._stopping.is_set():
            self._exit_code = exit_code
            self._stopping.set()

    def interrupt(self) -> None:
        """End everything; a further call sends SIGINT again to what has not ended yet."""
        if self._stopping.is_set():
            for child in self._running:
                child.send(signal.SIGINT)
        self.stop(128 + signal.SIGINT)

    async def run(self) -> int:
        """Run all processes to their end.

        Returns:
            The exit code: that given to `stop`; or that of the process whose end ended
            everything; or, if all ended by themselves, that of the last one that failed.
            128 + n stands for signal n.
        """
        await self._tidy()
        async with asyncio.TaskGroup() as group:
            for specification in self._specifications:
                group.create_task(self._keep(specification))
        return self._exit_code

    async def _keep(self, specification: ProcessSpecification) -> None:
        while not self._stopping.is_set():
            try:
                exit_code = await self._run_once(specification)
            except OSError as error:
                self._write_line(specification.name, f'cannot be started: {error}')
                self.stop(127)
                return
            if self._stopping.is_set():
                return
            self._write_line(specification.name, f'process ended with exit code {exit_code}')
            is_over = exit_code in (0, GAVE_UP) or not specification.respawn
            if specification.shutdown_on_exit and is_over:
                self.stop(exit_code)
            elif specification.respawn and exit_code != GAVE_UP:
                await _within(specification.respawn_delay_s, self._stopping.wait())
                if exit_code > SIGNALLED:
                    await self._tidy()
            else:
                self._exit_code = exit_code or self._exit_code
                return

    async def _run_once(self, specification: ProcessSpecification) -> int:
        child = ChildProcess(specification)
        self._write_line(specification.name, f'process started with pid {child.pid}')
        reading = asyncio.create_task(
            child.read_lines(lambda line: self._write_line(specification.name, line))
        )
        ended = asyncio.create_task(child.wait_until_ended())
        stopping = asyncio.create_task(self._stopping.wait())
        self._running.add(child)
        await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            await _end(child, ended, specification)
        self._running.remove(child)
        exit_code = child.collect()
        await reading
        return exit_code


async def _end(
    child: ChildProcess, ended: 'asyncio.Task[None]', specification: ProcessSpecification
) -> None:
    child.send(signal.SIGINT)
    for limit_s, last_resort in (
        (specification.sigterm_timeout_s, signal.SIGTERM),
        (specification.sigkill_timeout_s, signal.SIGKILL),
    ):
        if await _within(limit_s, asyncio.shield(ended)):
            return
        child.send_to_group(last_resort)
    await ended


async def _within(limit_s: float, what: 'Coroutine[Any, Any, Any] | asyncio.Future[None]') -> bool:
    """Wait for `what` at most `limit_s` [s], and say whether it happened."""
    try:
        await asyncio.wait_for(what, limit_s)
    except TimeoutError:
        return False
    return True
