# SPDX-License-Identifier: Apache-2.0
"""How a node's process begins and ends: quietly on Ctrl-C, with one line on an explained error."""

from collections.abc import Iterator
from contextlib import contextmanager
import sys

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from parl_files.error import ParlError

GIVE_UP = 2
"""Exit code of an explained error: a new start would meet it again, and nobody shall try."""
REMEDIES = {
    InvalidParameterTypeException: '; give a value of that type: BOOL true, INTEGER 1, DOUBLE 1.0',
    RCLError: '; write -p name:=value, -r from:=to, and an empty text as -p "name:=\'\'"',
}
"""What rclpy's own messages on arguments lack."""


@contextmanager
def explained(name: str, *others: type[Exception]) -> Iterator[None]:
    """End the process with one line, no traceback and exit code GIVE_UP on a `ParlError`.

    Args:
        name: Begins the line.
        others: Errors of rclpy that REMEDIES explain, beside a parameter of a wrong type.
    """
    try:
        yield
    except (ParlError, InvalidParameterTypeException, *others) as error:
        print(f'{name}: {error}{REMEDIES.get(type(error), "")}', file=sys.stderr)
        sys.exit(GIVE_UP)


@contextmanager
def node_process(name: str, **init_options: object) -> Iterator[None]:
    """Surround a node's life; the nodes made inside are destroyed by their own `spin`.

    Args:
        name: Begins the line that is printed for a `ParlError`, at any time of the node's life.
        init_options: As rclpy.init has them.
    """
    with explained(name, RCLError):
        rclpy.init(**init_options)
    try:
        with explained(name):
            yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:
        if rclpy.ok():  # else Ctrl-C came while rclpy took a message
            raise
    finally:
        rclpy.try_shutdown()


def spin(node: Node) -> None:
    """Let the node work until the process is told to stop, then destroy it.

    One SingleThreadedExecutor a process: the multi-threaded one loses images.
    """
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        executor.spin()
    finally:
        node.destroy_node()
