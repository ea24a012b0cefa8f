# SPDX-License-Identifier: Apache-2.0
"""A cable between two network namespaces, in user space: it delays, loses and can be cut.

Kernels without `netem` have no delay of their own. Each end is a TAP device; every Ethernet frame
that one end sends is read here and written to the other end when its time has come.
"""

import contextlib
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_FRAME_BYTES = 2048


class Link:
    """Two TAP devices and the thread that carries frames between them."""

    def __init__(self, names: tuple[str, str], delay_s: float, loss: float) -> None:
        """Make the devices, in this network namespace.

        Args:
            names: Of the devices.
            delay_s: Of each frame, in each direction [s].
            loss: Share of frames that never arrive.

        Raises:
            OSError: This process may not make network devices.
        """
        self.is_cut = False
        """Set this, and nothing arrives any more."""
        self.carried_bytes = 0
        self._delay_s = delay_s
        self._loss = loss
        self._random = random.Random(0)
        self._ends: list[int] = []
        for name in names:
            end = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
            self._ends.append(end)
            fcntl.ioctl(end, _TUNSETIFF, struct.pack('16sH', name.encode(), _IFF_TAP | _IFF_NO_PI))
        self._under_way: list[tuple[float, int, int, bytes]] = []  # due, number, end, frame
        self._count = 0
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def close(self) -> None:
        """Stop, and remove the devices."""
        self._is_closing.set()
        self._thread.join()
        for end in self._ends:
            os.close(end)

    def _carry(self) -> None:
        while not self._is_closing.is_set():
            wait_s = 0.05
            if self._under_way:
                wait_s = min(wait_s, max(0.0, self._under_way[0][0] - time.monotonic()))
            for end in select.select(self._ends, [], [], wait_s)[0]:
                self._take(end)
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, _, end, frame = heapq.heappop(self._under_way)
                with contextlib.suppress(OSError):  # a device that is still down
                    os.write(end, frame)

    def _take(self, end: int) -> None:
        other = self._ends[1 - self._ends.index(end)]
        for _ in range(64):
            try:
                frame = os.read(end, _FRAME_BYTES)
            except OSError:
                return
            if not self.is_cut and self._random.random() >= self._loss:
                self._count += 1
                self.carried_bytes += len(frame)
                due = time.monotonic() + self._delay_s
                heapq.heappush(self._under_way, (due, self._count, other, frame))
