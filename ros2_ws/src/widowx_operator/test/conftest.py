# SPDX-License-Identifier: Apache-2.0
"""A terminal at whose other end the test sits, and the demo's task."""

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import pty
import select
import termios
import time
import tty

import pytest

from widowx_operator.terminal import Terminal

LIMIT_S = 100.0  # only a hang lasts so long
WIDTH = 400  # no status is cut off, whatever diagnostics complain of
TASK_FILE = Path(__file__).parents[2] / 'widowx_bringup/config/tasks/cup_to_rack.yaml'


class Desk:
    """Where the operator sits: presses keys and reads the screen."""

    def __init__(self) -> None:
        self._fingers, self.descriptor = pty.openpty()
        tty.setraw(self.descriptor)
        termios.tcsetwinsize(self.descriptor, (24, WIDTH))
        self.terminal = Terminal(self.descriptor)
        self.screen = ''

    def press(self, keys: str) -> None:
        os.write(self._fingers, keys.encode())

    def read(self) -> str:
        """Everything the screen has shown so far."""
        while select.select([self._fingers], [], [], 0.0)[0]:
            self.screen += os.read(self._fingers, 65536).decode()
        return self.screen

    def leave(self) -> None:
        """Close the terminal's window."""
        os.close(self._fingers)
        self._fingers = -1

    def close(self) -> None:
        os.close(self.descriptor)
        if self._fingers >= 0:
            os.close(self._fingers)


class Graph:
    """Nodes on one executor, and the operator's desk."""

    def __init__(self, desk: Desk, *nodes) -> None:
        from parl_node.executor import NodeExecutor

        self.desk, self._nodes = desk, nodes
        self._executor = NodeExecutor()
        for node in nodes:
            self._executor.add_node(node)

    def wait(self, is_done: Callable[[], object]) -> None:
        end = time.monotonic() + LIMIT_S
        while not is_done():
            assert time.monotonic() < end, self.desk.read()[-3000:]
            self._executor.spin_once(timeout_sec=0.05)

    def press(self, keys: str, words: str) -> None:
        """Press keys and wait until the screen has shown something new that contains words."""
        seen = len(self.desk.read())
        self.desk.press(keys)
        self.wait(lambda: words in self.desk.read()[seen:])

    def close(self) -> None:
        self._executor.shutdown()
        for node in self._nodes:
            node.destroy_node()


@pytest.fixture
def task_file() -> Path:
    return TASK_FILE


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


@pytest.fixture
def make_graph(desk: Desk) -> Iterator[Callable[..., Graph]]:
    """A function that puts nodes on an executor; they end with the test."""
    graphs = []

    def make(*nodes) -> Graph:
        graphs.append(Graph(desk, *nodes))
        return graphs[-1]

    yield make
    for graph in graphs:
        graph.close()
