# SPDX-License-Identifier: Apache-2.0
"""Sends commands and notices when one was not heard."""

from collections.abc import Callable

from widowx_driver.safety.command import Command

UNHEARD_AFTER_S = 0.3
"""Wall time after which a repeated joint state says that the last command was not heard."""


class CommandSender:
    """Remembers the last command and the joint state it answered.

    In lock-step a simulation repeats its joint state, stamp unchanged, until a command comes. A
    command published before the subscription was matched is lost, so it is sent again then.
    """

    def __init__(
        self, publish: Callable[[Command], None], wall_clock_s: Callable[[], float]
    ) -> None:
        self._publish = publish
        self._wall_clock_s = wall_clock_s
        self._sent: tuple[Command, float, float] | None = None

    def send(self, command: Command, state_stamp_s: float) -> None:
        """Publish a command that answers the joint state of that stamp."""
        self._publish(command)
        self._sent = (command, state_stamp_s, self._wall_clock_s())

    def repeat_if_unheard(self, state_stamp_s: float) -> None:
        """Publish the last command again if its joint state is repeated after a while."""
        if self._sent is None:
            return
        command, stamp_s, sent_at_s = self._sent
        if stamp_s == state_stamp_s and self._wall_clock_s() - sent_at_s > UNHEARD_AFTER_S:
            self.send(command, stamp_s)

    def forget(self) -> None:
        """Repeat nothing until the next command."""
        self._sent = None
