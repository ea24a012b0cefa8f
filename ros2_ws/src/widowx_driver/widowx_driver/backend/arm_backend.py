# SPDX-License-Identifier: Apache-2.0
"""What the driver needs of whatever takes set-points to the arm."""

from typing import Protocol

from widowx_driver.safety.command import Command


class ArmBackend(Protocol):
    """Streams set-points; never waits."""

    def fault(self) -> str:
        """Return why nothing can be sent, or an empty string."""
        ...

    def send(self, command: Command) -> None:
        """Send set-points of gripper and arm, in this order."""
        ...

    def close(self) -> None:
        """Let go of the arm's interface; the servos keep their last set-points."""
        ...
