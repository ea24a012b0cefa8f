# SPDX-License-Identifier: Apache-2.0
"""Sends commands, and sends a command again that the arm did not receive."""

from collections.abc import Callable

from widowx_driver.safety.command import Command

UNHEARD_AFTER_S = 1.0
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
        self._is_unheard = False

    def send(self, command: Command, state_stamp_s: float) -> None:
        """Publish a command in answer to the joint state with the stamp `state_stamp_s` [s]."""
        self._publish(command)
        self._sent = (command, state_stamp_s, self._wall_clock_s())
        self._is_unheard = False

    def note_state(self, stamp_s: float) -> None:
        """Take the stamp [s] of the newest joint state."""
        self._is_unheard = (
            self._sent is not None
            and self._sent[1] == stamp_s
            and self._wall_clock_s() - self._sent[2] > UNHEARD_AFTER_S
        )

    def repeat_if_unheard(self) -> None:
        """Publish the last command again if its joint state still came after a while.

        Call this when all joint states that are there have been noted: a second command in the
        same control period would count for the next one.
        """
        if self._is_unheard and self._sent is not None:
            command, stamp_s, _ = self._sent
            self.send(command, stamp_s)

    def forget(self) -> None:
        """Forget the last command; nothing is repeated until the next one."""
        self._sent, self._is_unheard = None, False
