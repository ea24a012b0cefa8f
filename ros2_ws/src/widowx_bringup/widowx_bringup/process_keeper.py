# SPDX-License-Identifier: Apache-2.0
"""Keeps the processes of one launch file alive, and ends them one after the other."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
import signal
from typing import Any

from widowx_bringup.child_process import ChildProcess
from widowx_bringup.process_specification import ProcessSpecification

GAVE_UP = 2
"""Exit code of a process that says itself that starting it again would be of no use."""


class ProcessKeeper:
    """Runs processes until one that ends everything ends, all have ended, or `stop` is called.

    They end in the reverse of the order given: what a process needs stands before it, and is there
    until it has ended. So the driver parks before the arm that it parks goes.
    """

    def __init__(
        self,
        specifications: Sequence[ProcessSpecification],
        write_line: Callable[[str, str], None],
        *,
        terminate_limit_s: float = 5.0,
    ) -> None:
        """Prepares the processes; `run` starts them.

        Args:
            specifications: what to run, in the order of the launch file.
            write_line: takes the name of a process and one line it printed.
            terminate_limit_s: time from SIGTERM to SIGKILL [s].
        """
        self._specifications = specifications
        self._write_line = write_line
        self._terminate_limit_s = terminate_limit_s
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: ChildProcess | None = None
        self._stopping = asyncio.Event()
        self._exit_code = 0

    def stop(self, exit_code: int) -> None:
        """Ends everything; the first call decides what `run` returns."""
        if not self._stopping.is_set():
            self._exit_code = exit_code
            self._stopping.set()

    def interrupt(self) -> None:
        """Ends everything; called again, sends SIGINT once more to the process that ends now."""
        if self._ending is not None:
            self._ending.send(signal.SIGINT)
        self.stop(128 + signal.SIGINT)

    async def run(self) -> int:
        """Runs everything to its end.

        Returns:
            The code given to `stop`, or of the process whose end ended everything, or of the
            last process that failed where all ended by themselves; 128 + n for signal n.
        """
        async with asyncio.TaskGroup() as group:
            self._tasks = [
                group.create_task(self._keep(index, specification))
                for index, specification in enumerate(self._specifications)
            ]
        return self._exit_code

    async def _keep(self, index: int, specification: ProcessSpecification) -> None:
        while not self._stopping.is_set():
            try:
                exit_code = await self._run_once(index, specification)
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
            elif specification.respawn:
                await _within(specification.respawn_delay_s, self._stopping.wait())
            else:
                self._exit_code = exit_code or self._exit_code
                return

    async def _run_once(self, index: int, specification: ProcessSpecification) -> int:
        child = ChildProcess(specification)
        self._write_line(specification.name, f'process started with pid {child.pid}')
        reading = asyncio.create_task(
            child.read_lines(lambda line: self._write_line(specification.name, line))
        )
        ended = asyncio.create_task(child.wait_until_ended())
        its_turn = asyncio.create_task(self._wait_for_turn_to_end(index))
        await asyncio.wait((ended, its_turn), return_when=asyncio.FIRST_COMPLETED)
        its_turn.cancel()
        if not ended.done():
            self._ending = child
            await self._end(child, ended, specification.sigterm_timeout_s)
            self._ending = None
        exit_code = child.collect()
        await reading
        return exit_code

    async def _wait_for_turn_to_end(self, index: int) -> None:
        await self._stopping.wait()
        if later := self._tasks[index + 1 :]:
            await asyncio.wait(later)

    async def _end(
        self, child: ChildProcess, ended: 'asyncio.Task[None]', sigterm_timeout_s: float
    ) -> None:
        child.send(signal.SIGINT)
        for limit_s, last_resort in (
            (sigterm_timeout_s, signal.SIGTERM),
            (self._terminate_limit_s, signal.SIGKILL),
        ):
            if await _within(limit_s, asyncio.shield(ended)):
                return
            child.send_to_group(last_resort)
        await ended


async def _within(limit_s: float, what: 'Coroutine[Any, Any, Any] | asyncio.Future[None]') -> bool:
    """Waits at most `limit_s` [s]; says whether it happened."""
    try:
        await asyncio.wait_for(what, limit_s)
    except TimeoutError:
        return False
    return True
