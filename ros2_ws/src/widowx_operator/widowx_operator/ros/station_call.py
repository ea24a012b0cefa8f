# SPDX-License-Identifier: Apache-2.0
"""Calls services of the station and tells the operator their answers."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from rclpy.node import Node
from rclpy.task import Future

ServiceResponse: TypeAlias = Any
"""Response of a service."""
ServiceType: TypeAlias = Any
"""A generated service, for which rclpy has no type."""


class StationCall:
    """Calls services without waiting; the operator is told the answer when it comes."""

    def __init__(
        self, node: Node, services: Mapping[str, ServiceType], say: Callable[[str], None]
    ) -> None:
        """Begin to look for the services.

        Args:
            node: The node that calls.
            services: Types of the services, by relative name.
            say: Shows the operator one line.
        """
        self._namespace = node.get_namespace()
        self._types = services
        self._clients = {
            name: node.create_client(service, name) for name, service in services.items()
        }
        self._say = say

    def __call__(
        self,
        name: str,
        then: Callable[[ServiceResponse], None] | None = None,
        /,
        **fields: object,
    ) -> None:
        """Call a service.

        Args:
            name: Relative name of the service.
            then: Takes the answer; without it the operator is told the answer's message.
            fields: Fields of the request.
        """
        client = self._clients[name]
        if not client.service_is_ready():
            self._say(f'{name}: no such service in {self._namespace}; is its node running?')
            return

        def on_answer(future: Future) -> None:
            (then or self._tell(name))(future.result())

        client.call_async(self._types[name].Request(**fields)).add_done_callback(on_answer)

    def _tell(self, name: str) -> Callable[[ServiceResponse], None]:
        def tell(answer: ServiceResponse) -> None:
            self._say(f'{name}: {"" if answer.success else "REFUSED, "}{answer.message}')

        return tell
