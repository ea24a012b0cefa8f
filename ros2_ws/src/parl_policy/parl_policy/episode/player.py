# SPDX-License-Identifier: Apache-2.0
"""Plays one episode step by step and records it, without ROS and for any source of actions."""

from collections import defaultdict
from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from parl_files.episode import Episode, EpisodeError, Outcome, Purpose
from parl_files.recording.film import Film
from parl_policy.episode.action_space import action_between, apply_action, check_action, Target
from parl_policy.episode.observation import compressed_picture, ObservationLayout, StationState
from parl_policy.observations import Observation

UNKNOWN, FAILURE, SUCCESS = 0, 1, 2
"""Verdicts, as in parl_msgs/Reward."""

FILM_WIDTH_PX = 320
"""Width of the pictures of cameras that are not observed, which are kept for people to see."""


@dataclass(frozen=True)
class EpisodeGoal:
    """The episode to play."""

    episode_id: str
    purpose: Purpose
    max_steps: int
    """Control steps before a time-out."""
    seed: int

    def __post_init__(self) -> None:
        """Check that the episode has steps."""
        if self.max_steps < 1:
            raise ValueError(
                f'episode {self.episode_id}: max_steps is {self.max_steps}; give 1 or more'
            )


class EpisodePlayer:
    """Plays an episode: call `see` (the station's state) and `act` in turn until `over`.

    The recorded action is the executed one, from one executed target to the next.
    """

    def __init__(self, goal: EpisodeGoal, layout: ObservationLayout) -> None:
        """Prepare for the first observation."""
        self.goal = goal
        self._layout = layout
        self.outcome: Outcome | None = None
        self._states: list[StationState] = []
        self._observations: list[Observation] = []
        self._recorded: dict[str, list[tuple[float, bytes]]] = defaultdict(list)
        self._proposed: list[np.ndarray] = []
        self._versions: list[str] = []

    @property
    def steps(self) -> int:
        """Number of control steps so far."""
        return len(self._proposed)

    @property
    def began_s(self) -> float:
        """Time of the first state [s]; 0 before there is one."""
        return self._states[0].stamp_s if self._states else 0.0

    @property
    def over(self) -> bool:
        """Whether the episode has an outcome."""
        return self.outcome is not None

    def see(self, state: StationState) -> Observation:
        """Take the state at a control boundary and decide whether the episode is over.

        Raises:
            ObservationError: An input is not finite, or a camera has no frame.
            EpisodeError: The task is done before the first step.
        """
        recorded = self._layout.record(state)
        observation = self._layout.observe(state, recorded)
        if state.verdict == SUCCESS and not self._states:
            raise EpisodeError(
                f'episode {self.goal.episode_id}: the detector sees the task done before the '
                'first step; put the objects back to their start'
            )
        for camera, frame in state.frames.items():
            height, width = frame.pixels.shape[:2]
            film_size = (round(height * FILM_WIDTH_PX / width), FILM_WIDTH_PX)
            data = recorded.get(camera) or compressed_picture(frame.pixels, film_size)
            self._recorded[camera].append((frame.stamp_s, data))
        self._states.append(dataclasses.replace(state, frames={}))  # a frame is a megabyte
        self._observations.append(dataclasses.replace(observation, pictures={}))
        if self.over:
            return observation  # an operator's label stands, whatever is seen afterwards
        if state.verdict == SUCCESS:
            self.outcome = Outcome.SUCCESS
        elif self.steps >= self.goal.max_steps:
            self.outcome = Outcome.TIMEOUT
        return observation

    def act(self, action: np.ndarray, policy_version: str) -> Target:
        """Record the chosen action and return the next target.

        Args:
            action: (7,) in [-1, 1].
            policy_version: Artifact that chose the action; empty for a script or an operator.

        Raises:
            ActionError: The action has a wrong shape, is not finite or leaves [-1, 1].
        """
        action = check_action(action)
        self._proposed.append(action)
        self._versions.append(policy_version)
        return apply_action(self._states[-1].target, action)

    def stop(self, outcome: Outcome) -> None:
        """End the episode from outside with an outcome."""
        self.outcome = outcome

    def episode(self, metadata: Mapping[str, Any], origin_s: float = 0.0) -> Episode | None:
        """Return the recorded episode; None if it is not over or has no complete transition.

        Args:
            metadata: What else the file is to say.
            origin_s: Time that counts as 0 in the episode's stamps [s].
        """
        count = len(self._states) - 1
        if count < 1 or self.outcome is None:
            return None
        targets = [state.target for state in self._states]
        actions = [action_between(targets[i], targets[i + 1]) for i in range(count)]
        ends = np.arange(count) == count - 1
        success = self.outcome == Outcome.SUCCESS
        return Episode(
            episode_id=self.goal.episode_id,
            purpose=self.goal.purpose,
            outcome=self.outcome,
            observation_names=self._layout.names,
            observations=np.stack([each.numbers for each in self._observations]),
            actions=np.stack(actions),
            proposed_actions=np.stack(self._proposed[:count]),
            rewards=np.where(ends & success, 0.0, -1.0),
            terminated=ends & success,
            truncated=ends & (not success),
            # Exact to a microsecond, so that the rest does not differ with the origin.
            stamps_s=np.round([state.stamp_s - origin_s for state in self._states], 6),
            verdicts=np.array([state.verdict for state in self._states]),
            policy_versions=[*self._versions[:count], ''],
            metadata={'seed': self.goal.seed, **metadata},
            instruction=self._layout.instruction,
            films={camera: self._film(camera, origin_s) for camera in self._layout.cameras},
        )

    def frames(self, origin_s: float = 0.0) -> dict[str, list[tuple[float, bytes]]]:
        """Return the pictures (stamp [s], JPEG) of cameras that are not observed."""
        return {
            camera: [(round(stamp_s - origin_s, 6), data) for stamp_s, data in pictures]
            for camera, pictures in self._recorded.items()
            if camera not in self._layout.cameras
        }

    def _film(self, camera: str, origin_s: float) -> Film:
        pictures = self._recorded[camera]
        stamps_s = np.round([stamp_s - origin_s for stamp_s, _ in pictures], 6)
        table = self._layout.tables.get(camera)
        size = self._layout.cameras[camera]
        return Film(size, stamps_s, lambda: [data for _, data in pictures], table)
