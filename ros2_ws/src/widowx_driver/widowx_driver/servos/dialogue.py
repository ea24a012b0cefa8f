# SPDX-License-Identifier: Apache-2.0
"""Sends requests to the arm's driver one after the other, and never waits."""

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

from widowx_driver.servos.request import PATIENCE_S, Reply, ServoRequest

Script: TypeAlias = Generator[ServoRequest, Any, None]
"""A generator that yields requests, is sent their answers, and raises ServoFault."""


class ServoFault(Exception):  # noqa: N818 - a state of the arm, not of the program
    """The servos are not as they must be; the message names what, and the remedy."""


class ServoDialogue:
    """Runs one script at a time; `poll` moves it on."""

    def __init__(
        self,
        call: Callable[[ServoRequest], Reply | None],
        wall_clock_s: Callable[[], float],
    ) -> None:
        """Create a dialogue without a script.

        Args:
            call: sends a request; returns None while no server is there.
            wall_clock_s: returns the wall time [s], which never stands still.
        """
        self._call = call
        self._wall_clock_s = wall_clock_s
        self._script: Script | None = None
        self._on_end: Callable[[str], None] = lambda _fault: None
        self._request: ServoRequest | None = None
        self._reply: Reply | None = None
        self._since_s = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether a script may begin."""
        return self._script is None

    def begin(self, script: Script, on_end: Callable[[str], None]) -> None:
        """Start a script, in place of one that runs.

        Args:
            script: yields the requests.
            on_end: called at its end with the fault, empty if there was none.
        """
        self.cancel('replaced by a newer request')
        self._script, self._on_end = script, on_end
        self._step(lambda: next(script))

    def cancel(self, why: str) -> None:
        """End the script that runs, if there is one."""
        if self._script is not None:
            self._script.close()
            self._end(why)

    def poll(self) -> None:
        """Send or read what is due; call it often."""
        script = self._script
        if script is None or self._request is None:
            return
        service, waited_s = self._request.service, self._wall_clock_s() - self._since_s
        if self._reply is None:
            # A request without a server is never sent late: it may be a reboot, and the person who
            # supported the arm may have let go by then.
            if waited_s > PATIENCE_S:
                self.cancel(f'service {service} is missing; start the driver of the arm')
                return
            self._reply = self._call(self._request)
            if self._reply is not None:
                self._since_s = self._wall_clock_s()
        elif self._reply.done():
            self._take(self._reply, service, script)
        elif waited_s > self._request.patience_s:
            self.cancel(f'{service} does not answer; check the arm and its serial line')

    def _take(self, reply: Reply, service: str, script: Script) -> None:
        try:
            answer = reply.result()
        except Exception as error:  # a call may raise anything; the driver goes on
            self.cancel(f'{service} failed ({error}); check the driver of the arm')
            return
        self._step(lambda: script.send(answer))

    def _step(self, advance: Callable[[], ServoRequest]) -> None:
        self._request, self._reply, self._since_s = None, None, self._wall_clock_s()
        try:
            self._request = advance()
        except StopIteration:
            self._end('')
        except ServoFault as fault:
            self._end(str(fault))

    def _end(self, fault: str) -> None:
        on_end = self._on_end
        self._script = self._request = self._reply = None
        on_end(fault)
