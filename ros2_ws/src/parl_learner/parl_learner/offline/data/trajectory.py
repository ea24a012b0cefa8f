# SPDX-License-Identifier: Apache-2.0
"""Episodes of any task: as a file holds them, and as the learner takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
import hashlib

import numpy as np

ACTION_LIMIT = 0.99999
"""Actions are clipped to ± this (the authors' release): a tanh policy cannot reach 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RawEpisode:
    """N transitions as recorded: rewards of the environment, nothing checked but shapes.

    Raises:
        ValueError: The arrays disagree in shape.
    """

    name: str
    """Where it stands: file and number."""
    observations: np.ndarray
    """(N, O) float32."""
    next_observations: np.ndarray
    """(N, O) float32."""
    actions: np.ndarray
    """(N, D) float32."""
    rewards: np.ndarray
    """(N,) float32."""
    terminals: np.ndarray
    """(N,) bool, as the file says."""
    timeouts: np.ndarray
    """(N,) bool, as the file says."""
    observation_names: tuple[str, ...] = ()
    """Layout of an observation as `parl_policy.episode.observation` names it; empty if unknown."""

    def __post_init__(self) -> None:
        """Refuse arrays that cannot belong together."""
        lengths = {
            name: len(getattr(self, name))
            for name in (
                'observations',
                'next_observations',
                'actions',
                'rewards',
                'terminals',
                'timeouts',
            )
        }
        if len(set(lengths.values())) != 1 or not len(self.actions):
            raise ValueError(
                f'{self.name}: arrays have lengths {lengths}; an episode has one of each for '
                'every one of at least 1 transition'
            )
        if self.next_observations.shape != self.observations.shape:
            raise ValueError(
                f'{self.name}: next_observations have shape {self.next_observations.shape} and '
                f'observations {self.observations.shape}; they must be alike'
            )
        for name in ('rewards', 'terminals', 'timeouts'):
            shape = getattr(self, name).shape
            if len(shape) != 1:
                raise ValueError(
                    f'{self.name}: {name} have shape {shape}; write one number a transition, '
                    f'{shape[:1]}'
                )

    def __len__(self) -> int:
        """Count the transitions N."""
        return len(self.actions)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """N transitions in the learner's conventions; a `RecordedEpisode` of the replay."""

    episode_id: str
    purpose: str
    """'demonstration' (offline data), 'practice' or 'evaluation'."""
    observations: np.ndarray
    """(N + 1, O) float32."""
    actions: np.ndarray
    """(N, D) float32 in [-1, 1]."""
    rewards: np.ndarray
    """(N,) float32 with the bias: 0 at success, below 0 before."""
    terminated: np.ndarray
    """(N,) bool, the last True exactly after a success; time-outs bootstrap."""
    observation_names: tuple[str, ...] = ()
    """Layout of an observation as `parl_policy.episode.observation` names it; empty if unknown."""

    def __len__(self) -> int:
        """Count the transitions N."""
        return len(self.actions)

    @property
    def success(self) -> bool:
        """Whether the task was done."""
        return bool(self.terminated[-1])


def joined(episodes: Sequence[RawEpisode], name: str) -> np.ndarray:
    """One field of all episodes, end to end."""
    return np.concatenate([getattr(episode, name) for episode in episodes])


def digest(trajectories: Sequence[Trajectory]) -> str:
    """SHA-256 of all that is learned from them: their arrays, in order, and the layout."""
    content = hashlib.sha256()
    for t in trajectories:
        content.update(repr((t.purpose, t.observation_names)).encode())
        for array in (t.observations, t.actions, t.rewards, t.terminated):
            content.update(f'{array.dtype}{array.shape}'.encode())
            content.update(array.tobytes())
    return content.hexdigest()
