# SPDX-License-Identifier: Apache-2.0
"""A timer of the wall's clock."""

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node


def steady_timer(node: Node, period_s: float, call: Callable[[], None]) -> None:
    """Call at each period of the wall's clock: a simulated one stands still between commands."""
    node.create_timer(period_s, call, clock=Clock(clock_type=ClockType.STEADY_TIME))
