# SPDX-License-Identifier: Apache-2.0
"""Serves the operator as an actor: answers the policy node's requests for actions."""

import time

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from parl_msgs.srv import Act
from widowx_operator.teleoperation import hold_action, Teleoperation

ACTOR = 'operator/act'
"""Name of the service (parl_msgs/Act)."""
ACTING_S = 1.0
"""Wall time after the last request in which the operator counts as acting."""
PACE = 0.8
"""Shortest time between two answers, as a part of the control period. Without it a simulation in
lock-step would run too fast; 1.0 would let jitter delay a station that keeps time itself."""


class ActServer:
    """Answers each request with the operator's action for that step.

    An episode begins with the operator's first motion: standing still must not be learned.
    """

    def __init__(self, node: Node, teleoperation: Teleoperation, control_period_s: float) -> None:
        """Create the service on `node`."""
        self._teleoperation = teleoperation
        self._pace_s = PACE * control_period_s
        self._turn: Future | None = None
        self._is_first_step = False
        self._acted_at_s = -ACTING_S
        # Reentrant: while a request waits, keys must still be read.
        node.create_service(Act, ACTOR, self._on_act, callback_group=ReentrantCallbackGroup())

    @property
    def is_acting(self) -> bool:
        """Whether the operator's keys move the arm."""
        return self._turn is not None or time.monotonic() - self._acted_at_s < ACTING_S

    @property
    def awaits_first_motion(self) -> bool:
        """Whether an episode waits for the operator's first motion."""
        return self._turn is not None and self._is_first_step

    def answer_if_due(self) -> None:
        """Answer a request that waits, when it is time; call this every few ms."""
        if self._is_due():
            self.answer_now()

    def answer_now(self) -> None:
        """Answer a request that waits at once, so that its episode can end."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.set_result(None)

    async def _on_act(self, request: Act.Request, response: Act.Response) -> Act.Response:
        self._is_first_step = request.step == 0
        if not self._is_due():
            self.answer_now()
            self._turn = Future()
            await self._turn
        self._acted_at_s, gripper = time.monotonic(), request.target.gripper
        # The first observation has waited for the operator and is too old to act on.
        action = (
            hold_action(gripper)
            if request.step == 0
            else self._teleoperation.action(self._acted_at_s, gripper)
        )
        response.actions = action.astype('float32').tolist()
        response.success = True
        return response

    def _is_due(self) -> bool:
        now_s = time.monotonic()
        if self._is_first_step and self._teleoperation.is_idle(now_s):
            return False
        return now_s - self._acted_at_s >= self._pace_s
