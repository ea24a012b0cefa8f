# SPDX-License-Identifier: Apache-2.0
"""Turns Ctrl-C, SIGTERM and a closed terminal into requests to the driver."""

from collections.abc import Awaitable
import signal
from typing import Protocol

from rclpy.executors import Executor
from rclpy.impl.rcutils_logger import RcutilsLogger


class Interrupts:
    """Notes signals instead of raising in the middle of a callback.

    Each of them asks for parking. Only a second Ctrl-C ends the parking: `ros2 launch` sends
    SIGTERM to all that still runs 5 s after Ctrl-C, and parking takes longer.
    """

    def __init__(self) -> None:
        self._counts = {signal.SIGINT: 0, signal.SIGTERM: 0, signal.SIGHUP: 0}
        for number in self._counts:
            signal.signal(number, self._note)

    @property
    def ask_to_park(self) -> bool:
        """Whether a signal came."""
        return any(self._counts.values())

    @property
    def ask_to_end(self) -> bool:
        """Whether Ctrl-C came twice."""
        return self._counts[signal.SIGINT] > 1

    def _note(self, number: int, _frame: object) -> None:
        self._counts[signal.Signals(number)] += 1


class ParkingNode(Protocol):
    """A node that can park the arm."""

    def park(self) -> Awaitable[None]:
        """Park the arm."""
        ...

    def get_logger(self) -> RcutilsLogger:
        """Return the node's logger."""
        ...


def spin_until_parked(executor: Executor, node: ParkingNode, interrupts: Interrupts) -> None:
    """Run callbacks until a signal came and the arm is parked, or a second Ctrl-C came."""
    parking = None
    while executor.context.ok() and not interrupts.ask_to_end:
        if parking is not None and parking.done():
            return
        if interrupts.ask_to_park and parking is None:
            node.get_logger().info('parking the arm; Ctrl-C again leaves it where it is')
            parking = executor.create_task(node.park)
        executor.spin_once(timeout_sec=0.1)
