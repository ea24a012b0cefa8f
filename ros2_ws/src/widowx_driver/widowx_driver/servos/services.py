# SPDX-License-Identifier: Apache-2.0
"""Calls the services of the arm's driver, with either backend."""

from collections.abc import Callable, Mapping
from typing import Protocol

from widowx_driver.servos.request import Reply, ServoRequest


class ServiceClient(Protocol):
    """The part of a service client that is needed here."""

    def service_is_ready(self) -> bool:
        """Tell whether a server is there."""
        ...

    def call_async(self, request: object) -> Reply:
        """Send a request."""
        ...


class ServoServices:
    """Sends requests and never waits; the vendor's own calls may wait for ever."""

    def __init__(
        self,
        clients: Mapping[str, ServiceClient],
        to_message: Callable[[ServoRequest], object],
    ) -> None:
        """Create the services.

        Args:
            clients: by service name.
            to_message: turns a request into the ROS message of its service.
        """
        self._clients = clients
        self._to_message = to_message

    def are_there(self) -> bool:
        """Tell whether every service has a server."""
        return all(client.service_is_ready() for client in self._clients.values())

    def call(self, request: ServoRequest) -> Reply | None:
        """Begin a service call; return None while no server is there."""
        client = self._clients[request.service]
        if not client.service_is_ready():
            return None
        return client.call_async(self._to_message(request))
