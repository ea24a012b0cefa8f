# SPDX-License-Identifier: Apache-2.0
"""A terminal read key by key, with one line at the bottom that changes."""

import os
import re
import select
import sys
import termios
import tty
from types import TracebackType

from parl_files.error import ParlError

ESCAPE_SEQUENCE = re.compile(r'\x1b(\[[0-9;]*[A-Za-z~]|O[A-Z]|.)?')
"""What arrow and function keys send; they mean nothing here and must not be read as letters."""
START_OF_LINE = '\r\x1b[K'


class TerminalError(ParlError):
    """There is no terminal to read keys from."""


class Terminal:
    """Gives keys as they are pressed; leaving the `with` block restores the terminal."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Remember the terminal.

        Args:
            descriptor: Open file of the terminal; None: of standard input.

        Raises:
            TerminalError: It is no terminal.
        """
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        if not os.isatty(self._descriptor):
            raise TerminalError(
                'standard input is no terminal; start this program by hand in a terminal of its '
                'own, not from a launch file or a pipe'
            )
        self._settings = termios.tcgetattr(self._descriptor)
        self._status = ''
        self.is_closed = False
        """Whether the terminal is gone: nobody can press a key any more."""

    def __enter__(self) -> 'Terminal':
        """Hand over keys at once and unseen; Ctrl-C still interrupts."""
        tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Restore what was."""
        del kind, error, traceback
        self.say('')
        if not self.is_closed:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._settings)

    def take_keys(self) -> str:
        """The keys pressed since the last call, oldest first; never waits."""
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
            # A status that wraps around cannot be replaced; 0 columns: nobody set them.
            columns = os.get_terminal_size(self._descriptor).columns or 80
            text = START_OF_LINE + line + self._status[: columns - 1]
            os.write(self._descriptor, text.encode('utf-8'))
        except OSError:
            self.is_closed = True
