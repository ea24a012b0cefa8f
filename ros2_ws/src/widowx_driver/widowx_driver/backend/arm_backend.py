# SPDX-License-Identifier: Apache-2.0
"""The interface through which the driver sends set-points to the arm."""

from typing import Protocol

from widowx_driver.safety.command import Command


class ArmBackend(Protocol):
    """A way to send set-points to the arm; its methods never wait."""

    def fault(self) -> str:
        """Return why nothing can be sent, or an empty string."""
        ...

    def send(self, command: Command) -> None:
        """Send set-points of gripper and arm, in this order."""
        ...

    def close(self) -> None:
        """Close the interface to the arm; the servos keep their last set-points."""
        ...
