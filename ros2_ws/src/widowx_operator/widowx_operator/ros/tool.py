# SPDX-License-Identifier: Apache-2.0
"""Runs an operator's tool at a terminal until the operator ends it."""

from collections.abc import Callable
from typing import Protocol

from parl_node.executor import NodeExecutor
from parl_node.run_node import node_process
from widowx_operator.terminal import Terminal


class Tool(Protocol):
    """A node that an operator works with."""

    is_over: bool
    """Whether the operator has ended it."""

    def destroy_node(self) -> None:
        """Destroy the node."""


def run_in_terminal(name: str, make: Callable[[Terminal], Tool]) -> None:
    """Run a tool in the terminal of this process until it is over.

    Args:
        name: First word of the line that is printed for a `ParlError`.
        make: Creates the node.
    """
    with node_process(name), Terminal() as terminal:
        node = make(terminal)
        executor = NodeExecutor()
        executor.add_node(node)
        try:
            while not node.is_over:
                executor.spin_once(timeout_sec=0.1)
        finally:
            node.destroy_node()
