# SPDX-License-Identifier: Apache-2.0
"""The asking end of `run_episode`: one episode at a time, given up if the policy node ends."""

from collections.abc import Callable
import time

from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from parl_msgs.action import RunEpisode
from parl_msgs.msg import EpisodeStatus


class EpisodeClientError(Exception):
    """No policy node plays the episode."""


class EpisodeClient:
    """Works the node's callbacks itself while it waits."""

    FREE_S = 10.0
    """Wall time to wait for a policy node that plays nothing."""

    def __init__(self, node: Node) -> None:
        """Look for the policy node on behalf of the node."""
        self.is_cancelled = False
        """Set it, from any thread, to end the running episode; later ones end as they begin."""
        self._client = ActionClient(node, RunEpisode, 'run_episode')
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(EpisodeStatus, 'episode', self._on_episode, latched)
        self._state: int | None = None
        self._has_restarted = False
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)

    def play(self, goal: RunEpisode.Goal) -> RunEpisode.Result:
        """Wait for a free policy node, then for the end of the episode.

        Raises:
            EpisodeClientError: The policy node is not there or not free, refuses, or ended.
        """
        self._wait_until_free()
        self._has_restarted = False
        accepted = self._client.send_goal_async(goal)
        self._until(accepted.done)
        handle = accepted.result()
        if not handle.accepted:
            raise EpisodeClientError('the policy node refuses the episode; its log says why')
        answer = handle.get_result_async()
        self._until(lambda: self.is_cancelled or answer.done())
        if not answer.done():
            handle.cancel_goal_async()
        self._until(answer.done)
        return answer.result().result

    def _wait_until_free(self) -> None:
        free = (EpisodeStatus.IDLE, EpisodeStatus.FINISHED)
        end = time.monotonic() + self.FREE_S
        while not (self._state in free and self._client.server_is_ready()):
            self._executor.spin_once(timeout_sec=0.1)
            if time.monotonic() > end:
                raise EpisodeClientError(
                    'another episode is running; end it first'
                    if self._client.server_is_ready()
                    else 'no policy node; are namespace and ROS_DOMAIN_ID those of the station?'
                )

    def _until(self, ready: Callable[[], object]) -> None:
        while not ready():
            self._executor.spin_once(timeout_sec=0.1)
            if self._has_restarted or not self._client.server_is_ready():
                raise EpisodeClientError('the policy node ended in the middle of the episode')

    def _on_episode(self, message: EpisodeStatus) -> None:
        self._state = message.state
        self._has_restarted |= message.state == EpisodeStatus.IDLE
