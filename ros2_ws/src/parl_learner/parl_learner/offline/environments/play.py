# SPDX-License-Identifier: Apache-2.0
"""Episodes in several environments at once; one decision per step is made for all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np

from parl_files.episode import Purpose
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.trajectory import ACTION_LIMIT, Trajectory

Act = Callable[[np.ndarray], np.ndarray]
"""From observations (B, O) to actions (B, D) in [-1, 1] of one or more control steps each."""


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
    observations: list[np.ndarray]
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
        environments: Environments of the same kind.
        act: Chooses the actions of all running episodes.
        seeds: Seeds of the episodes' starts.
        max_steps: Largest number of control steps of an episode.
        reset_options: Options for every reset.
        convention: Meaning of the rewards.
        purpose: Of the episodes.
        name: First part of every episode id.

    Returns:
        The episodes, in the order of their seeds.
    """
    waiting = iter(enumerate(seeds))
    running = [r for e in environments if (r := _begin(e, waiting, reset_options))]
    finished: dict[int, PlayedEpisode] = {}
    while running:
        deciding = [r for r in running if not r.planned]
        if deciding:
            actions = act(np.stack([r.observations[-1] for r in deciding]))
            for r, action in zip(deciding, actions, strict=True):
                of_a_step = r.environment.action_space.shape or ()
                r.planned.extend(action.reshape(-1, *of_a_step))
        for r in running:
            _step(r, r.planned.pop(0), convention, max_steps)
        for r in [r for r in running if r.over]:
            finished[r.index] = _finish(r, convention, purpose, name)
            running.remove(r)
            following = _begin(r.environment, waiting, reset_options)
            if following:
                running.append(following)
    return [finished[index] for index in sorted(finished)]


def _begin(
    environment: gymnasium.Env,
    waiting: Iterator[tuple[int, int]],
    reset_options: Mapping[str, Any],
) -> _Running | None:
    following = next(waiting, None)
    if following is None:
        return None
    index, seed = following
    observation, _ = environment.reset(seed=seed, options=dict(reset_options) or None)
    return _Running(environment, index, [np.asarray(observation)])


def _step(r: _Running, action: np.ndarray, convention: RewardConvention, max_steps: int) -> None:
    observation, reward, terminated, truncated, _ = r.environment.step(action)
    r.observations.append(np.asarray(observation))
    r.actions.append(action)
    r.rewards.append(float(reward))
    success = bool(convention.successes(np.array([reward]))[0])
    r.over = success or terminated or truncated or len(r.actions) >= max_steps


def _finish(
    r: _Running, convention: RewardConvention, purpose: Purpose, name: str
) -> PlayedEpisode:
    rewards = np.array(r.rewards, dtype=np.float32)
    return PlayedEpisode(
        Trajectory(
            episode_id=f'{name}-{r.index:04d}',
            purpose=purpose,
            observations=np.stack(r.observations).astype(np.float32),
            actions=np.stack(r.actions).astype(np.float32).clip(-ACTION_LIMIT, ACTION_LIMIT),
            rewards=convention.learned(rewards),
            terminated=convention.successes(rewards),
        ),
        convention.score(rewards),
    )
