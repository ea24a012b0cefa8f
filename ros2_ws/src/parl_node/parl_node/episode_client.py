# SPDX-License-Identifier: Apache-2.0
"""A client of `run_episode`: one episode at a time, given up if the policy node is lost."""

from collections.abc import Callable
import time

from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from parl_files.error import ParlError
from parl_msgs.action import RunEpisode
from parl_msgs.msg import EpisodeStatus
from parl_node.executor import NodeExecutor


class EpisodeClientError(ParlError):
    """No policy node plays the episode; the message says why."""


class EpisodeClient:
    """Asks for episodes; it runs the node's callbacks itself while it waits."""

    SILENCE_S = 60.0
    """Wall time without news of the running episode after which it is given up [s]."""

    def __init__(self, node: Node) -> None:
        """Look for the policy node, with the topics and the action client of `node`."""
        self.is_cancelled = False
        """Set this, from any thread, to end the running episode and every later one at once."""
        self._client = ActionClient(node, RunEpisode, 'run_episode')
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(EpisodeStatus, 'episode', self._on_episode, latched)
        self._state: int | None = None
        self._has_restarted = False
        self._heard_at = time.monotonic()
        self._executor = NodeExecutor()
        self._executor.add_node(node)

    @property
    def is_there(self) -> bool:
        """Whether a policy node is ready to take goals."""
        return self._client.server_is_ready()

    @property
    def is_free(self) -> bool:
        """Whether the policy node plays no episode, not even for another client."""
        return self.is_there and self._state in (EpisodeStatus.IDLE, EpisodeStatus.FINISHED)

    @property
    def heard_at(self) -> float:
        """Wall time of the last news of an episode, at first that of the start [s, monotonic]."""
        return self._heard_at

    def spin_for(self, seconds: float) -> None:
        """Run the node's callbacks for that long [s]."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def play(
        self,
        goal: RunEpisode.Goal,
        on_feedback: Callable[[RunEpisode.Feedback], None] = lambda _: None,
    ) -> RunEpisode.Result:
        """Ask for an episode and wait for its end; call it when `is_free`.

        Raises:
            EpisodeClientError: The policy node refuses, has ended, or is silent.
        """

        def note(message: RunEpisode.Impl.FeedbackMessage) -> None:
            self._heard_at = time.monotonic()
            on_feedback(message.feedback)

        self._has_restarted, self._heard_at = False, time.monotonic()
        accepted = self._client.send_goal_async(goal, feedback_callback=note)
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

    def _until(self, ready: Callable[[], object]) -> None:
        while not ready():
            self._executor.spin_once(timeout_sec=0.1)
            if self._has_restarted:
                raise EpisodeClientError('the policy node ended during the episode; see its log')
            if time.monotonic() - self._heard_at > self.SILENCE_S:
                raise EpisodeClientError(
                    f'the policy node was silent for {self.SILENCE_S:g} s; see its log'
                )

    def _on_episode(self, message: EpisodeStatus) -> None:
        self._heard_at = time.monotonic()
        self._state = message.state
        self._has_restarted |= message.state == EpisodeStatus.IDLE
