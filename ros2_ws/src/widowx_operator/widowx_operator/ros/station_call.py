# SPDX-License-Identifier: Apache-2.0
"""Calls services of the station and tells the operator what they answered."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from rclpy.node import Node
from rclpy.task import Future

ServiceResponse: TypeAlias = Any
"""Response of the service that is called."""
ServiceType: TypeAlias = Any
"""A generated service: rclpy has no type for it."""


class StationCall:
    """Never waits: the answer is told when it comes, a missing service at once."""

    def __init__(
        self, node: Node, services: Mapping[str, ServiceType], say: Callable[[str], None]
    ) -> None:
        """Look for the services from now on.

        Args:
            node: Calls.
            services: Type by relative name.
            say: Tells the operator one line.
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
            name: One of those given at the beginning.
            then: Takes the answer instead of telling its message.
            fields: Of the request.
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
