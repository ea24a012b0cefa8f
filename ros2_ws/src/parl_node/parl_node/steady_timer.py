# SPDX-License-Identifier: Apache-2.0
"""Makes a timer that runs on wall time."""

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer


def steady_timer(node: Node, period_s: float, call: Callable[[], None]) -> Timer:
    """Call `call` every `period_s` [s] of wall time, also while simulated time stands still."""
    return node.create_timer(period_s, call, clock=Clock(clock_type=ClockType.STEADY_TIME))
