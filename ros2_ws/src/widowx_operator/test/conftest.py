# SPDX-License-Identifier: Apache-2.0
"""A terminal at whose other end the test sits, and the demo's task."""

from collections.abc import Iterator
import os
from pathlib import Path
import pty
import select
import tty

import pytest

from widowx_operator.terminal import Terminal

TASK_FILE = Path(__file__).parents[2] / 'widowx_bringup/config/tasks/cup_to_rack.yaml'


class Desk:
    """Where the operator sits: presses keys and reads the screen."""

    def __init__(self) -> None:
        self._fingers, self.descriptor = pty.openpty()
        tty.setraw(self.descriptor)
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


@pytest.fixture
def task_file() -> Path:
    return TASK_FILE


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()
