# SPDX-License-Identifier: Apache-2.0
"""Makes the actor of an episode: a policy version, or a service outside the node."""

from collections.abc import Awaitable, Callable, Mapping
import dataclasses
from dataclasses import dataclass

import numpy as np

from parl_files.artifact_store import ArtifactRecord
from parl_files.episode import Purpose
from parl_msgs.action import RunEpisode
from parl_msgs.msg import EndEffectorTarget, ObjectPositions
from parl_msgs.srv import Act
from parl_node.artifact_node import ArtifactNode
from parl_node.message_conversion import stamp
from parl_policy.acting.actor import Actor, Decision
from parl_policy.acting.actor_file import ActorConfig, load_actor
from parl_policy.acting.open_loop_actor import OpenLoopActor
from parl_policy.acting.weights_file import WeightsFileError
from parl_policy.compute.precision import slow_because
from parl_policy.episode.observation import ObservationLayout, StationState
from parl_policy.observations import Observation, Size
from parl_policy.ros import message_conversion as convert
from parl_policy.ros.episode_wait import EpisodeAbortError, EpisodeOwnError
from parl_policy.ros.station_link import StationLink


@dataclass(frozen=True)
class GoalActor:
    """Chooses the actions of one episode."""

    version: str
    """Name of the policy artifact; empty for an actor outside the node."""
    choose: Callable[[int, Observation, StationState], Awaitable[Decision]]
    """Maps (step, observation, state) to a decision."""
    config: ActorConfig | None = None
    """How it was trained; None accepts any observation."""

    def check_cameras(self, cameras: Mapping[str, Size]) -> None:
        """Check that the goal's pictures are those that the actor was trained on.

        Raises:
            EpisodeAbortError: They differ; the message names both.
        """
        if self.config is not None and dict(self.config.cameras) != dict(cameras):
            raise EpisodeAbortError(
                f'{self.version} was trained on pictures {dict(self.config.cameras)}, but this '
                f'goal gives {dict(cameras)}; use the pictures of its training'
            )

    def check_layout(self, layout: ObservationLayout) -> None:
        """Check that the observations have the numbers that the actor was trained on.

        Raises:
            EpisodeAbortError: The entries differ; the message names both lists.
        """
        if self.config is not None and list(self.config.observation_names) != layout.names:
            raise EpisodeAbortError(
                f'{self.version} was trained on {list(self.config.observation_names)}, but this '
                f'goal gives {layout.names}; use the task and the pictures of its training'
            )


async def make_goal_actor(
    node: ArtifactNode, link: StationLink, goal: RunEpisode.Goal
) -> GoalActor:
    """Make the actor that a goal asks for.

    Raises:
        EpisodeAbortError: The version has not come or is damaged.
    """
    if goal.actor:
        return outside_actor(link, goal, goal.actor)
    policy = await _version(node, link, 'policy', goal.policy_version)
    critic = await _version(node, link, 'critic', policy.version) if goal.optimise else None
    store = node.store
    try:
        actor, config, _ = load_actor(
            store.path(policy.name), store.path(critic.name) if critic else None
        )
    except WeightsFileError as error:
        raise EpisodeAbortError(str(error)) from error
    reason = slow_because(config.optimisation.precision)
    if critic and reason:  # the file may come from a learner whose device has such products
        node.get_logger().warning(
            f'{policy.name} asks for {config.optimisation.precision}, but {reason}: acting in '
            'float32',
            once=True,
        )
    actor = dataclasses.replace(actor, explores=goal.purpose != Purpose.EVALUATION)
    actor.prepare()
    return _policy_actor(actor, config, policy.name, goal.seed)


def _policy_actor(actor: Actor, config: ActorConfig, version: str, seed: int) -> GoalActor:
    open_loop = OpenLoopActor(actor, seed)

    async def choose(step: int, observation: Observation, _: StationState) -> Decision:
        return open_loop.act(step, observation)

    return GoalActor(version, choose, config)


def outside_actor(link: StationLink, goal: RunEpisode.Goal, service: str) -> GoalActor:
    """Make an actor that asks a service (parl_msgs/Act) for each action."""
    client = link.client(Act, service)

    async def choose(step: int, observation: Observation, state: StationState) -> Decision:
        request = Act.Request(
            episode_id=goal.episode_id,
            step=step,
            seed=goal.seed,
            target=EndEffectorTarget(
                pose=convert.to_pose(state.target), gripper=state.target.gripper
            ),
            gripper_opening=state.gripper_opening,
            objects=_object_message(link, state),
            observation=observation.numbers.tolist(),
            instruction=observation.instruction,
            cameras=list(observation.pictures),
            pictures=[convert.to_compressed(each) for each in observation.pictures.values()],
        )
        answer = await link.call(client, request)
        if not answer.success:
            raise EpisodeOwnError(f'{service}: {answer.message}')
        action = np.clip(np.asarray(answer.actions, dtype=np.float64), -1.0, 1.0)
        unknown = float('nan')
        return Decision(action, action[None], np.array([unknown]), unknown)

    return GoalActor('', choose)


def _object_message(link: StationLink, state: StationState) -> ObjectPositions:
    message = ObjectPositions(
        names=list(link.gate.object_names), visible=state.object_visible.tolist()
    )
    message.header.stamp = stamp(state.stamp_s)
    message.positions = [convert.to_point(position) for position in state.object_positions]
    return message


async def _version(
    node: ArtifactNode, link: StationLink, kind: str, version: int
) -> ArtifactRecord:
    def find() -> ArtifactRecord | None:
        if version < 0:
            return node.store.newest(kind)
        found = [record for record in node.store.list(kind) if record.version == version]
        return found[-1] if found else None

    def missing() -> str:
        begin = f'{kind}-' if version < 0 else f'{kind}-{version:06d}-'
        why = node.fetches.failure(begin) or node.fetches.report(begin)
        return (
            f'{kind} version {"(any)" if version < 0 else version} is not in {node.store.folder}; '
            f'{why or "has the learner announced it?"}'
        )

    # On another host a version of many megabytes may take longer than the limit.
    return await link.wait.until(
        find, link.VERSION_TIMEOUT_S, missing, progressed_at=lambda: node.fetches.progressed_at
    )
