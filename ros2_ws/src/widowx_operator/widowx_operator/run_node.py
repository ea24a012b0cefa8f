# SPDX-License-Identifier: Apache-2.0
"""How a tool's process begins and ends: with a terminal, and one line for a known error."""

from collections.abc import Callable
import sys
from typing import Protocol

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from widowx_operator.terminal import Terminal, TerminalError


class Tool(Protocol):
    """A node that an operator works with."""

    is_over: bool
    """Whether the operator has ended it."""

    def destroy_node(self) -> None:
        """As rclpy has it."""


def steady_timer(node: Node, period_s: float, call: Callable[[], None]) -> None:
    """Call at each period of the wall's clock: a simulated one stands still between commands."""
    node.create_timer(period_s, call, clock=Clock(clock_type=ClockType.STEADY_TIME))


def run_in_terminal(
    name: str, make: Callable[[Terminal], Tool], known: tuple[type[Exception], ...]
) -> int:
    """Run a tool in the terminal of this process until it is over.

    Args:
        name: Begins the line that is printed for a known error.
        make: Makes the node.
        known: Errors that say all there is to say, beside TerminalError.

    Returns:
        Exit code: 2 after a known error.
    """
    known = (*known, TerminalError)
    rclpy.init()
    node = None
    try:
        with Terminal() as terminal:
            node = make(terminal)
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            while not node.is_over:
                executor.spin_once(timeout_sec=0.1)
    except known as error:
        print(f'{name}: {error}', file=sys.stderr)
        return 2
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:
        if rclpy.ok():  # else Ctrl-C came while rclpy took a message
            raise
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
