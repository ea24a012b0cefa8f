# SPDX-License-Identifier: Apache-2.0
"""Asks the policy node to play and record an episode in which the operator acts."""

from collections.abc import Callable, Sequence
import time

from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.task import Future

from parl_files.episode import Purpose
from parl_msgs.action import RunEpisode
from parl_msgs.msg import PictureFormat
from widowx_operator.ros.act_server import ACTOR


class DemonstrationRecorder:
    """Asks for demonstrations; the policy node writes their files, as it does for all episodes."""

    def __init__(
        self,
        node: Node,
        max_steps: int,
        pictures: Sequence[PictureFormat],
        say: Callable[[str], None],
    ) -> None:
        """Begin to look for the policy node.

        Args:
            node: The node that asks.
            max_steps: Control steps before an episode times out.
            pictures: Pictures to observe; none: object positions.
            say: Shows the operator one line.
        """
        self._client = ActionClient(node, RunEpisode, 'run_episode')
        self._max_steps = max_steps
        self._pictures = pictures
        self._say = say

    def begin(self) -> None:
        """Begin a demonstration; the operator is told the outcome when it is over."""
        if not self._client.server_is_ready():
            self._say('run_episode: no such action; is the policy node running?')
            return
        goal = RunEpisode.Goal(
            episode_id=time.strftime('demonstration-%Y%m%d-%H%M%S'),
            purpose=Purpose.DEMONSTRATION,
            actor=ACTOR,
            seed=int(time.time()),
            max_steps=self._max_steps,
            pictures=self._pictures,
        )
        self._say(f'{goal.episode_id}: asked for')
        accepted = self._client.send_goal_async(goal)
        accepted.add_done_callback(lambda future: self._on_accepted(goal.episode_id, future))

    def _on_accepted(self, episode_id: str, future: Future) -> None:
        handle = future.result()
        if not handle.accepted:
            self._say(f'{episode_id}: the policy node refused the episode; its log says why')
            return
        handle.get_result_async().add_done_callback(
            lambda done: self._on_result(episode_id, done.result().result)
        )

    def _on_result(self, episode_id: str, result: RunEpisode.Result) -> None:
        kept = result.file.name or 'not recorded'
        why = f' ({result.reason})' if result.reason else ''
        self._say(f'{episode_id}: over after {result.steps} steps, {kept}{why}')
