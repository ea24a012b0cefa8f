# SPDX-License-Identifier: Apache-2.0
"""How every node's process begins and ends: quietly on Ctrl-C, with one line on a known error."""

from collections.abc import Iterator
from contextlib import contextmanager
import sys

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node


@contextmanager
def node_process(name: str, *known: type[Exception]) -> Iterator[None]:
    """Surround a node's life; the nodes made inside are destroyed by their own `spin`.

    Args:
        name: Begins the line that is printed for a known error.
        known: Errors that say all there is to say: exit code 2 and no traceback.
    """
    rclpy.init()
    try:
        yield
    except known as error:
        print(f'{name}: {error}', file=sys.stderr)
        sys.exit(2)
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
