# SPDX-License-Identifier: Apache-2.0
"""Speaks the topics and services of xs_sdk without the vendor's Python modules."""

from collections.abc import Callable, Mapping
from typing import Protocol

from widowx_driver.command import Command
from widowx_driver.servo_request import Reply, ServoRequest


class ServiceClient(Protocol):
    """The part of a service client that is needed here."""

    def service_is_ready(self) -> bool:
        """Tell whether a server is there."""
        ...

    def call_async(self, request: object) -> Reply:
        """Send a request."""
        ...


class DirectBackend:
    """Publishes commands and calls services itself."""

    name = 'direct'

    def __init__(
        self,
        publish: Callable[[Command], None],
        clients: Mapping[str, ServiceClient],
        to_message: Callable[[ServoRequest], object],
    ) -> None:
        """Know publishers and clients.

        Args:
            publish: publishes the set-points of gripper and arm.
            clients: by service name.
            to_message: makes the service's request.
        """
        self._publish = publish
        self._clients = clients
        self._to_message = to_message

    def fault(self) -> str:
        """Return an empty string: topics are always there."""
        return ''

    def send(self, command: Command) -> None:
        """Publish set-points."""
        self._publish(command)

    def call(self, request: ServoRequest) -> Reply | None:
        """Begin a service call; None while no server is there."""
        client = self._clients[request.service]
        if not client.service_is_ready():
            return None
        return client.call_async(self._to_message(request))

    def close(self) -> None:
        """Nothing to let go of."""
