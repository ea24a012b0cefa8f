# SPDX-License-Identifier: Apache-2.0
"""Sends commands, and sends a command again that the arm did not receive."""

from collections.abc import Callable

from widowx_driver.safety.command import Command

UNHEARD_AFTER_S = 0.3
"""Wall time after which a repeated joint state means that the last command was lost."""


class CommandSender:
    """Remembers the last command and the joint state it answered.

    In lock-step a simulation repeats its joint state, with the same stamp, until a command comes.
    A command that was published before the subscription was matched is lost, and is sent again.
    """

    def __init__(
        self, publish: Callable[[Command], None], wall_clock_s: Callable[[], float]
    ) -> None:
        self._publish = publish
        self._wall_clock_s = wall_clock_s
        self._sent: tuple[Command, float, float] | None = None

    def send(self, command: Command, state_stamp_s: float) -> None:
        """Publish a command in answer to the joint state with the stamp `state_stamp_s` [s]."""
        self._publish(command)
        self._sent = (command, state_stamp_s, self._wall_clock_s())

    def repeat_if_unheard(self, state_stamp_s: float) -> None:
        """Publish the last command again if its joint state still comes after a while."""
        if self._sent is None:
            return
        command, stamp_s, sent_at_s = self._sent
        if stamp_s == state_stamp_s and self._wall_clock_s() - sent_at_s > UNHEARD_AFTER_S:
            self.send(command, stamp_s)

    def forget(self) -> None:
        """Forget the last command; nothing is repeated until the next one."""
        self._sent = None
