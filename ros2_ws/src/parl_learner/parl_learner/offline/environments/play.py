# SPDX-License-Identifier: Apache-2.0
"""Episodes in several environments at once; one decision per step is made for all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium
import numpy as np

from parl_files.episode import Purpose
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.trajectory import ACTION_LIMIT, Trajectory
from parl_learner.offline.observations.films import ArrayFilm
from parl_policy.observations import Observation

Act = Callable[[Sequence[Observation]], np.ndarray]
"""From B observations to actions (B, D) in [-1, 1] of one or more control steps each."""


@dataclass(frozen=True)
class PlayedEpisode:
    """A played episode and its score."""

    trajectory: Trajectory
    score: float
    """Normalised score, 0…100."""


@dataclass
class _Running:
    environment: gymnasium.Env
    index: int
    observations: list[Observation]
    keeps_pictures: bool
    """Evaluations are not learned from, and their pictures would fill the memory."""
    planned: list[np.ndarray] = field(default_factory=list)
    actions: list[np.ndarray] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    over: bool = False


def play(
    environments: Sequence[gymnasium.Env],
    act: Act,
    seeds: Sequence[int],
    *,
    max_steps: int,
    reset_options: Mapping[str, Any],
    convention: RewardConvention,
    purpose: Purpose,
    name: str,
) -> list[PlayedEpisode]:
    """Play one episode per seed; a free environment begins the next episode.

    An episode ends with success, after `max_steps`, or when the environment ends it; only success
    is `terminated` for the learner. The same episodes are played however long each takes; that is
    not so with environments that restart by themselves.

    Args:
        environments: Environments of the same kind, with observations as `Observation`.
        act: Chooses the actions of all running episodes.
        seeds: Seeds of the episodes' starts.
        max_steps: Largest number of control steps of an episode.
        reset_options: Options for every reset.
        convention: Meaning of the rewards.
        purpose: Of the episodes.
        name: First part of every episode id.

    Returns:
        The episodes, in the order of their seeds; those of an evaluation keep no pictures.
    """
    waiting = iter(enumerate(seeds))
    keeps = purpose != Purpose.EVALUATION
    running = [r for e in environments if (r := _begin(e, waiting, reset_options, keeps))]
    finished: dict[int, PlayedEpisode] = {}
    while running:
        deciding = [r for r in running if not r.planned]
        if deciding:
            actions = act([r.observations[-1] for r in deciding])
            for r, action in zip(deciding, actions, strict=True):
                of_a_step = r.environment.action_space.shape or ()
                r.planned.extend(action.reshape(-1, *of_a_step))
        for r in running:
            _step(r, r.planned.pop(0), convention, max_steps)
        for r in [r for r in running if r.over]:
            finished[r.index] = _finish(r, convention, purpose, name)
            running.remove(r)
            following = _begin(r.environment, waiting, reset_options, keeps)
            if following:
                running.append(following)
    return [finished[index] for index in sorted(finished)]


def _begin(
    environment: gymnasium.Env,
    waiting: Iterator[tuple[int, int]],
    reset_options: Mapping[str, Any],
    keeps_pictures: bool,
) -> _Running | None:
    following = next(waiting, None)
    if following is None:
        return None
    index, seed = following
    observation, _ = environment.reset(seed=seed, options=dict(reset_options) or None)
    return _Running(environment, index, [observation], keeps_pictures)


def _step(r: _Running, action: np.ndarray, convention: RewardConvention, max_steps: int) -> None:
    observation, reward, terminated, truncated, _ = r.environment.step(action)
    if not r.keeps_pictures:
        r.observations[-1] = replace(r.observations[-1], pictures={})
    r.observations.append(observation)
    r.actions.append(action)
    r.rewards.append(float(reward))
    success = bool(convention.successes(np.array([reward]))[0])
    r.over = success or terminated or truncated or len(r.actions) >= max_steps


def _finish(
    r: _Running, convention: RewardConvention, purpose: Purpose, name: str
) -> PlayedEpisode:
    rewards = np.array(r.rewards, dtype=np.float32)
    first = r.observations[0]
    return PlayedEpisode(
        Trajectory(
            episode_id=f'{name}-{r.index:04d}',
            purpose=purpose,
            observations=np.stack([each.numbers for each in r.observations]),
            actions=np.stack(r.actions).astype(np.float32).clip(-ACTION_LIMIT, ACTION_LIMIT),
            rewards=convention.learned(rewards),
            terminated=convention.successes(rewards),
            films={
                camera: ArrayFilm(np.stack([each.pictures[camera] for each in r.observations]))
                for camera in first.pictures
            },
            instruction=first.instruction,
        ),
        convention.score(rewards),
    )
