# SPDX-License-Identifier: Apache-2.0
"""The policy node: from observations to targets, one episode for each `run_episode` goal."""

import time
import traceback

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_srvs.srv import SetBool, Trigger
import torch

from parl_files.episode import Outcome, Purpose
from parl_files.episode_file import episode_to_bytes
from parl_files.error import ParlError
from parl_msgs.action import RunEpisode
from parl_msgs.msg import EpisodeStatus
from parl_msgs.srv import LabelEpisode
from parl_node.artifact_node import ArtifactNode
from parl_node.message_conversion import diagnostics
from parl_node.outcome_codes import LABELS, outcome_code
from parl_node.run_node import node_process, spin
from parl_node.steady_timer import steady_timer
from parl_policy.compute.device import use_device
from parl_policy.episode.input_gate import next_boundary
from parl_policy.episode.observation import ObservationLayout
from parl_policy.episode.player import EpisodeGoal, EpisodePlayer
from parl_policy.ros.episode_wait import EpisodeAbortError, EpisodeOwnError
from parl_policy.ros.goal_actor import GoalActor, make_goal_actor, outside_actor
from parl_policy.ros.station_link import StationLink
from parl_policy.ros.stored_episodes import StoredEpisodes

OPERATOR = 'operator/act'
"""Service (parl_msgs/Act) that is asked instead of the policy after `take_over`."""


class PolicyNode(ArtifactNode):
    """Plays episodes: reset, go to start, step until success or time-out, write the file."""

    SIGN_OF_LIFE_S = 10.0
    """Wall time after which the status is published again during a reset [s]."""

    def __init__(self, **node_options: object) -> None:
        """Start to take goals; weights are loaded when a goal asks for a version.

        Args:
            node_options: Options of `rclpy.node.Node`.

        Raises:
            ConfigError: The task file or the device cannot be used.
        """
        super().__init__('policy', fetched_kinds=('policy', 'critic'), **node_options)
        use_device(str(self.declare_parameter('device', 'cpu').value))
        # One thread: a decision's products are small, and the other nodes need the other cores.
        torch.set_num_threads(int(self.declare_parameter('threads', 1).value or 1))
        self.link = StationLink(self)
        self.link.is_over = lambda: self._player is not None and self._player.over
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._episode = self.create_publisher(EpisodeStatus, 'episode', latched)
        self._stored = StoredEpisodes(self.store, self.get_logger().error)
        self._player: EpisodePlayer | None = None
        self._is_busy = False
        self._status = EpisodeStatus()
        self._goal = RunEpisode.Goal()
        self._is_taken_over = False
        self.create_service(LabelEpisode, 'label_episode', self._on_label)
        self.create_service(Trigger, '~/pause', self._on_pause)
        self.create_service(Trigger, '~/resume', self._on_resume)
        self.create_service(SetBool, '~/take_over', self._on_take_over)
        self._server = ActionServer(
            self,
            RunEpisode,
            'run_episode',
            execute_callback=self._on_run_episode,
            goal_callback=self._on_goal,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Wall time, because simulated time stands still between commands.
        steady_timer(self, 1.0, self._diagnose)
        steady_timer(self, self.SIGN_OF_LIFE_S, self._show_life)
        self.announce_stored('episode')
        self._tell(EpisodeStatus.IDLE, '')

    def _on_goal(self, request: RunEpisode.Goal) -> GoalResponse:
        fault = 'an episode is running' if self._is_busy else _goal_fault(request)
        if fault:
            self.get_logger().error(f'goal {request.episode_id!r} refused: {fault}')
            return GoalResponse.REJECT
        self._is_busy = True
        return GoalResponse.ACCEPT

    async def _on_run_episode(self, handle: ServerGoalHandle) -> RunEpisode.Result:
        request = handle.request
        goal = EpisodeGoal(
            request.episode_id, Purpose(request.purpose), request.max_steps, request.seed
        )
        reason, ends_so_again = '', False
        self.link.wait.is_cancelled = lambda: handle.is_cancel_requested
        self._goal, self._is_taken_over = request, False
        # Said first, so that signs of life are given while a version is waited for.
        self._tell(EpisodeStatus.RESETTING, goal.episode_id)
        try:
            policy = await make_goal_actor(self, self.link, request)
            if (answer := self._answer_from_store(request, policy.version)) is not None:
                handle.succeed()
                return answer
            player = await self._play(handle, goal, policy)
        except Exception as error:  # a user's policy class may raise anything
            reason = str(error)
            is_of_station = isinstance(error, EpisodeAbortError)
            ends_so_again = isinstance(error, EpisodeOwnError) or not is_of_station
            if not isinstance(error, ParlError):
                reason = f'{type(error).__name__}: {error}'
                self.get_logger().error(traceback.format_exc())
            self.get_logger().error(f'{goal.episode_id} aborted: {reason}')
            player = self._player or EpisodePlayer(goal, ObservationLayout(object_names=()))
            player.stop(Outcome.ABORTED)
        finally:
            self._player, self._is_busy = None, False
        result = self._result(player, request, reason)
        result.ends_so_again = ends_so_again
        self._tell(
            EpisodeStatus.FINISHED, goal.episode_id, result.outcome, result.steps, result.reason
        )
        if handle.is_cancel_requested:
            handle.canceled()
        elif result.outcome == EpisodeStatus.ABORTED:
            handle.abort()
        else:
            handle.succeed()
        return result

    async def _play(
        self, handle: ServerGoalHandle, goal: EpisodeGoal, policy: GoalActor
    ) -> EpisodePlayer:
        request = handle.request
        cameras = {each.camera: (each.height, each.width) for each in request.pictures}
        policy.check_cameras(cameras)
        self.link.see(cameras)
        operator = outside_actor(self.link, request, OPERATOR)
        start_target, boundary_s = await self.link.reset(goal.seed)
        self._tell(EpisodeStatus.RUNNING, goal.episode_id)
        await self.link.first_input(boundary_s, goal.episode_id)
        layout = ObservationLayout(
            object_names=self.link.gate.object_names,
            cameras=cameras,
            instruction=self.link.instruction,
            tables=self.link.tables,
        )
        policy.check_layout(layout)
        player = self._player = EpisodePlayer(goal, layout)
        while True:
            state = await self.link.state(boundary_s, goal.episode_id, player.steps, start_target)
            seen_at = time.perf_counter()
            boundary_s = next_boundary(boundary_s, state.stamp_s, self.link.period_s)
            observation = player.see(state)
            if player.over:
                return player
            actor = operator if self._is_taken_over else policy
            choice = await actor.choose(player.steps, observation, state)
            decision_ms = (time.perf_counter() - seen_at) * 1e3
            await self.link.hold_back(boundary_s - self.link.period_s)
            step = player.steps
            target = player.act(choice.action, actor.version)
            self.link.send_target(target, goal.episode_id, step, actor.version, state.stamp_s)
            handle.publish_feedback(
                RunEpisode.Feedback(
                    step=step,
                    verdict=state.verdict,
                    mean_q=choice.mean_q,
                    decision_ms=decision_ms,
                )
            )
            self.link.show_candidates(choice, state.target)

    def _result(
        self, player: EpisodePlayer, request: RunEpisode.Goal, reason: str
    ) -> RunEpisode.Result:
        result = RunEpisode.Result(reason=reason, steps=player.steps)
        try:
            origin_s = self.link.origin_s(player.began_s)
            episode = player.episode(
                {'actor': request.actor, 'optimise': request.optimise, 'reason': reason}, origin_s
            )
            if episode is not None:
                content = episode_to_bytes(episode, player.frames(origin_s))
                record = self.store.put('episode', request.seed, content, 'mcap')
                result.file = self.announce(record)
                result.episode_return = float(episode.rewards.sum())
        except ParlError as error:
            player.stop(Outcome.ABORTED)
            result.reason = f'{player.goal.episode_id} is not stored: {error}'
            self.get_logger().error(result.reason)
        result.outcome = outcome_code(player.outcome)
        result.success = player.outcome == Outcome.SUCCESS
        return result

    def _answer_from_store(
        self, request: RunEpisode.Goal, version: str
    ) -> RunEpisode.Result | None:
        """Return the result of an episode that was played before; None if it was not."""
        found = self._stored.answer(request, version)
        if found is None:
            return None
        record, result = found
        self.get_logger().info(
            f'{request.episode_id} was played before and is not played again: {record.name}; '
            'another episode needs another episode_id'
        )
        result.file = self.announce(record)
        self._tell(EpisodeStatus.FINISHED, request.episode_id, result.outcome, result.steps)
        return result

    def _tell(
        self, state: int, episode_id: str, outcome: int = 0, steps: int = 0, reason: str = ''
    ) -> None:
        message = EpisodeStatus(episode_id=episode_id, state=state, outcome=outcome, step=steps)
        message.reason = reason
        message.header.stamp = self.get_clock().now().to_msg()
        self._status = message
        self._episode.publish(message)

    def _diagnose(self) -> None:
        lacks = self.link.wait.lacks()
        text = lacks or ('an episode is running' if self._is_busy else 'no episode is running')
        level = DiagnosticStatus.WARN if lacks else DiagnosticStatus.OK
        stamp = self.get_clock().now().to_msg()
        name = f'{self.get_fully_qualified_name()}: inputs'
        self._diagnostics.publish(diagnostics(stamp, name, level, text, 'policy'))

    def _show_life(self) -> None:
        """Publish the status again while a person resets the scene, which may take minutes."""
        is_paused = self._status.state == EpisodeStatus.RUNNING and self.link.wait.is_paused
        if is_paused or self._status.state == EpisodeStatus.RESETTING:
            self._episode.publish(self._status)

    def _on_label(
        self, request: LabelEpisode.Request, response: LabelEpisode.Response
    ) -> LabelEpisode.Response:
        outcome = LABELS.get(request.label)
        if self._player is None or outcome is None:
            response.message = (
                'no episode is running' if outcome else f'label {request.label} is unknown'
            )
            return response
        self._player.stop(outcome)
        response.success, response.message = True, f'{self._player.goal.episode_id}: {outcome}'
        return response

    def _on_take_over(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        """Let the operator, or the policy again, act from the next step on."""
        if self._player is None:
            response.message = 'no episode is running'
        elif self._goal.actor:
            response.message = f'{self._goal.actor} acts in this episode, not the policy'
        elif self._goal.purpose == Purpose.EVALUATION:
            response.message = 'an evaluation measures the policy alone; label it instead'
        else:
            self._is_taken_over = request.data
            response.success = True
            response.message = f'{"the operator" if request.data else "the policy"} acts'
        return response

    def _on_pause(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.link.wait.is_paused = True
        response.success, response.message = True, 'paused: no target, no new episode'
        return response

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.link.wait.is_paused = False
        response.success, response.message = True, 'resumed'
        return response


def _goal_fault(goal: RunEpisode.Goal) -> str:
    """Say why the goal cannot be played; empty if it can."""
    if not goal.episode_id or goal.max_steps < 1:
        return f'it needs an id, and max_steps, now {goal.max_steps}, must be 1 or more'
    if goal.purpose not in list(Purpose):
        return f'purpose is {goal.purpose!r}, expected one of {[str(word) for word in Purpose]}'
    for picture in goal.pictures:
        if not (picture.camera and picture.height and picture.width):
            return f'{picture} is no picture: give camera, height and width'
    return ''


def main() -> None:
    """Run the node until it is told to stop."""
    with node_process('policy'):
        spin(PolicyNode())


if __name__ == '__main__':
    main()
