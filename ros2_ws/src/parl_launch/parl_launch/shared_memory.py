# SPDX-License-Identifier: Apache-2.0
"""Removes the shared memory that processes ended by force left behind."""

import asyncio
import contextlib
from subprocess import DEVNULL

LIMIT_S = 60.0
"""Time after which the tool is ended [s]; it usually needs a quarter of a second."""


async def remove_stale_shared_memory() -> None:
    """Remove Fast DDS's segments and ports that no living process holds.

    Only an orderly end removes a process's 33 MB in /dev/shm, and what stays lies in memory until
    the machine restarts. When /dev/shm is full of it, new processes print errors of
    RTPS_TRANSPORT_SHM and have no shared memory. Fast DDS's own tool knows which locks are held;
    where it is not installed, nothing is done.
    """
    with contextlib.suppress(FileNotFoundError):
        tool = await asyncio.create_subprocess_exec(
            'fastdds', 'shm', 'clean', stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            await asyncio.wait_for(tool.wait(), LIMIT_S)
        except TimeoutError:
            tool.kill()
            await tool.wait()
