# SPDX-License-Identifier: Apache-2.0
"""The operator as an actor: answers the policy node's requests for actions."""

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
"""Share of the control period that lies between two answers at least. A simulation in lock-step
would run away; a station that keeps time itself must not be held up by jitter."""


class ActServer:
    """Answers each request with what the operator wants of that step.

    An episode begins when the operator does: standing still is not to be learned.
    """

    def __init__(self, node: Node, teleoperation: Teleoperation, control_period_s: float) -> None:
        """Serve on behalf of the node."""
        self._teleoperation = teleoperation
        self._pace_s = PACE * control_period_s
        self._turn: Future | None = None
        self._is_first_step = False
        self._acted_at_s = -ACTING_S
        # Reentrant: while a request waits, keys must go on.
        node.create_service(Act, ACTOR, self._on_act, callback_group=ReentrantCallbackGroup())

    @property
    def is_acting(self) -> bool:
        """Whether the operator's keys move the arm."""
        return self._turn is not None or time.monotonic() - self._acted_at_s < ACTING_S

    @property
    def awaits_first_motion(self) -> bool:
        """Whether an episode waits for the operator to begin."""
        return self._turn is not None and self._is_first_step

    def answer_if_due(self) -> None:
        """Let a request that waits go on when it is time; to be called every few ms."""
        if self._is_due():
            self.answer_now()

    def answer_now(self) -> None:
        """Let a request that waits go on: its episode is to end."""
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
        # The first observation has waited for the operator and is too old to move on.
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
