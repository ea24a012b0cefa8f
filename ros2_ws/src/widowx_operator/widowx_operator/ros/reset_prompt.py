# SPDX-License-Identifier: Apache-2.0
"""Asks the operator to put the objects back before an episode, as a simulation does itself."""

from collections.abc import Callable

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from parl_msgs.srv import Reset


class ResetPrompt:
    """Holds a request of service `reset` until the operator has answered it."""

    def __init__(self, node: Node, say: Callable[[str], None]) -> None:
        """Create the prompt; `serve` starts the service.

        Args:
            node: The node that serves.
            say: Shows the operator one line.
        """
        self._node = node
        self._say = say
        self._answer: Future | None = None

    def serve(self) -> None:
        """Serve `reset` from now on."""
        # Reentrant: while the operator puts objects back, keys must still be read.
        waiting = ReentrantCallbackGroup()
        self._node.create_service(Reset, 'reset', self._on_reset, callback_group=waiting)

    @property
    def is_waiting(self) -> bool:
        """Whether a reset waits for the operator."""
        return self._answer is not None

    def end(self, refusal: str = '') -> bool:
        """Answer the request that waits.

        Args:
            refusal: Why the episode cannot begin; empty if everything is at its start.

        Returns:
            Whether a request waited.
        """
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.set_result(refusal)
        return answer is not None

    async def _on_reset(self, _: Reset.Request, response: Reset.Response) -> Reset.Response:
        self.end('a newer reset was asked for')
        self._answer = Future()
        self._say('\aPut the objects back to their start, hands off, then press ENTER')
        response.message = await self._answer
        response.success = not response.message
        response.stamp = self._node.get_clock().now().to_msg()
        return response
