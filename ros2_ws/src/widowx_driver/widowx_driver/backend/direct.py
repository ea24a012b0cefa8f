# SPDX-License-Identifier: Apache-2.0
"""Publishes set-points without the vendor's Python modules."""

from collections.abc import Callable

from widowx_driver.safety.command import Command


class DirectBackend:
    """Publishes on the topics of xs_sdk itself."""

    def __init__(self, publish: Callable[[Command], None]) -> None:
        """Create the backend; `publish` publishes the set-points of gripper and arm."""
        self._publish = publish

    def fault(self) -> str:
        """Return an empty string: topics are always there."""
        return ''

    def send(self, command: Command) -> None:
        """Publish set-points."""
        self._publish(command)

    def close(self) -> None:
        """Do nothing: publishers need no end."""
