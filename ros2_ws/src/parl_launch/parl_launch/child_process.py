# SPDX-License-Identifier: Apache-2.0
"""Starts a child process that cannot outlive its parent and gives its output line by line."""

import asyncio
from collections.abc import Callable
import contextlib
import ctypes
import os
import signal
import subprocess

from parl_launch.process_specification import ProcessSpecification

PR_SET_PDEATHSIG = 1  # linux/prctl.h
READ_BYTES = 65536
LIBC = ctypes.CDLL(None, use_errno=True)


class ChildProcess:
    """A started process.

    It leads a process group of its own, so a Ctrl-C in the terminal does not reach it. This is
    needed because rclpy fails on a second SIGINT, so only the runner may send one. If the runner
    itself dies, the kernel sends the process SIGKILL.
    """

    def __init__(self, specification: ProcessSpecification) -> None:
        """Start the process; call this in a running event loop.

        Raises:
            OSError: The program cannot be started.
        """
        self._process = subprocess.Popen(
            specification.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, 'PYTHONUNBUFFERED': '1', **specification.environment},
            process_group=0,
            preexec_fn=_die_with(os.getpid()),
        )
        self.pid = self._process.pid
        self._ended = asyncio.Event()
        # A pid file descriptor tells when the process itself ends; asyncio's own subprocesses
        # would also wait for the children that it left behind, as long as they hold its output.
        self._pid_fd = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._pid_fd, self._ended.set)

    async def wait_until_ended(self) -> None:
        """Wait until the process has ended; `collect` must follow."""
        await self._ended.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self._process.send_signal(number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and to all processes that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def collect(self) -> int:
        """Kill the children of the ended process; return its exit code, 128 + n for signal n."""
        asyncio.get_running_loop().remove_reader(self._pid_fd)
        os.close(self._pid_fd)
        # Until the process is collected, no other process group can get the same number.
        self.send_to_group(signal.SIGKILL)
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    async def read_lines(self, take_line: Callable[[str], None]) -> None:
        """Call `take_line` with each line of output, until no process can write any more."""
        assert self._process.stdout is not None, 'started with a pipe'
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), self._process.stdout
        )
        rest = b''
        while chunk := await stream.read(READ_BYTES):
            *lines, rest = (rest + chunk).split(b'\n')
            for line in lines:
                take_line(line.decode(errors='replace').rstrip('\r'))
        if rest:
            take_line(rest.decode(errors='replace'))
        transport.close()


def _die_with(parent: int) -> Callable[[], None]:
    """Return the first call of a new process: to die with the runner and to obey SIGINT."""

    def prepare() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # A runner started in the background of a script ignores SIGINT, and children inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare
