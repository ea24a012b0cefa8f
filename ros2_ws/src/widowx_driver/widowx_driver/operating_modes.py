# SPDX-License-Identifier: Apache-2.0
"""Puts the servos into the modes the driver commands in, once their service is there."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

Request = TypeVar('Request', contravariant=True)


class Reply(Protocol):
    """The part of a future that is needed here."""

    def done(self) -> bool:
        """Tell whether the answer came."""
        ...


class ModeClient(Protocol[Request]):
    """The part of a service client that is needed here."""

    def service_is_ready(self) -> bool:
        """Tell whether a server is there."""
        ...

    def call_async(self, request: Request) -> Reply:
        """Send a request."""
        ...


class OperatingModeSetup(Generic[Request]):
    """Sends the requests once and remembers whether they were answered; never waits."""

    def __init__(self, client: ModeClient[Request], requests: Sequence[Request]) -> None:
        self._client = client
        self._requests = requests
        self._replies: list[Reply] = []
        self._is_done = False

    @property
    def is_done(self) -> bool:
        """Whether every request was answered since the last reset."""
        return self._is_done

    def reset(self) -> None:
        """Start over: the arm was restarted and has forgotten."""
        self._replies, self._is_done = [], False

    def poll(self) -> None:
        """Send what is due; call it often."""
        if self._is_done:
            return
        if not self._client.service_is_ready():
            self._replies = []
        elif not self._replies:
            self._replies = [self._client.call_async(request) for request in self._requests]
        else:
            self._is_done = all(reply.done() for reply in self._replies)
