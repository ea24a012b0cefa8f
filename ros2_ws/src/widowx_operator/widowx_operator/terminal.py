# SPDX-License-Identifier: Apache-2.0
"""Reads a terminal key by key and keeps one status line at its bottom."""

import os
import re
import select
import sys
import termios
import tty
from types import TracebackType

from parl_files.error import ParlError

ESCAPE_SEQUENCE = re.compile(r'\x1b(\[[0-9;]*[A-Za-z~]|O[A-Z]|.)?')
"""Sequences of arrow and function keys, which must not be read as letters."""
START_OF_LINE = '\r\x1b[K'


class TerminalError(ParlError):
    """There is no terminal to read keys from."""


class Terminal:
    """Gives keys as they are pressed; leaving the `with` block restores the terminal."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Remember the terminal.

        Args:
            descriptor: File descriptor of the terminal; None for standard input.

        Raises:
            TerminalError: The descriptor is not a terminal.
        """
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        if not os.isatty(self._descriptor):
            raise TerminalError(
                'standard input is not a terminal; start this program by hand in a terminal of '
                'its own, not from a launch file or a pipe'
            )
        self._settings = termios.tcgetattr(self._descriptor)
        self._status = ''
        self.is_closed = False
        """Whether the terminal is gone, so that no key can be pressed any more."""

    def __enter__(self) -> 'Terminal':
        """Let the terminal pass on keys at once and without echo; Ctrl-C still interrupts."""
        tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Restore the terminal's settings."""
        del kind, error, traceback
        self.say('')
        if not self.is_closed:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._settings)

    def take_keys(self) -> str:
        """Return the keys pressed since the last call, oldest first, without waiting."""
        if self.is_closed or not select.select([self._descriptor], [], [], 0.0)[0]:
            return ''
        try:
            data = os.read(self._descriptor, 1024)
        except OSError:
            data = b''
        self.is_closed = not data
        return ESCAPE_SEQUENCE.sub('', data.decode('utf-8', errors='ignore'))

    def say(self, text: str) -> None:
        """Print a line above the status."""
        self._draw(f'{text}\r\n')

    def show(self, status: str) -> None:
        """Replace the status, the line at the bottom."""
        if status != self._status:
            self._status = status
            self._draw()

    def _draw(self, line: str = '') -> None:
        try:
            # A status that wraps around cannot be replaced. 0 columns mean that none were set.
            columns = os.get_terminal_size(self._descriptor).columns or 80
            text = START_OF_LINE + line + self._status[: columns - 1]
            os.write(self._descriptor, text.encode('utf-8'))
        except OSError:
            self.is_closed = True
