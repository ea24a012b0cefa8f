# SPDX-License-Identifier: Apache-2.0
"""Starts and ends a node's process: quietly on Ctrl-C, with one line on an explained error."""

from collections.abc import Iterator
from contextlib import contextmanager
import sys

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from parl_files.error import ParlError
from parl_node.executor import NodeExecutor

GIVE_UP = 2
"""Exit code of an explained error: a new start would fail in the same way, so none is made."""
REMEDIES = {
    InvalidParameterTypeException: '; give a value of that type: BOOL true, INTEGER 1, DOUBLE 1.0',
    RCLError: '; write -p name:=value, -r from:=to, and an empty text as -p "name:=\'\'"',
}
"""Remedies that rclpy's own messages about arguments do not give."""


@contextmanager
def explained(name: str, *others: type[Exception]) -> Iterator[None]:
    """End the process with one line, no traceback and exit code GIVE_UP on a `ParlError`.

    Args:
        name: First word of the line.
        others: Further errors of rclpy that REMEDIES explain.
    """
    try:
        yield
    except (ParlError, InvalidParameterTypeException, *others) as error:
        print(f'{name}: {error}{REMEDIES.get(type(error), "")}', file=sys.stderr)
        sys.exit(GIVE_UP)


@contextmanager
def node_process(name: str, **init_options: object) -> Iterator[None]:
    """Start rclpy, and shut it down after the block; `spin` destroys the nodes made in it.

    Args:
        name: First word of the line that is printed for a `ParlError` raised in the block.
        init_options: Arguments of `rclpy.init`.
    """
    with explained(name, RCLError):
        rclpy.init(**init_options)
    try:
        with explained(name):
            yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:
        if rclpy.ok():  # otherwise Ctrl-C came while rclpy took a message
            raise
    finally:
        rclpy.try_shutdown()


def spin(node: Node) -> None:
    """Run the node's callbacks until the process is told to stop, then destroy the node.

    A process has one executor of one thread, because rclpy's multi-threaded one loses images.
    """
    executor = NodeExecutor()
    executor.add_node(node)
    try:
        executor.spin()
    finally:
        node.destroy_node()
