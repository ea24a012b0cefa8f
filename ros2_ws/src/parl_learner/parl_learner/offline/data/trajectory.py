# SPDX-License-Identifier: Apache-2.0
"""Episodes of any task: as recorded in a file, and in the learner's conventions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import hashlib

import numpy as np

from parl_files.episode import Purpose
from parl_learner.offline.observations.films import picture_bytes
from parl_learner.replay.recorded_episode import RecordedFilm

ACTION_LIMIT = 0.99999
"""Largest |action| after clipping (the authors' release): a tanh policy cannot reach 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RawEpisode:
    """N transitions as recorded, with the environment's rewards; only the shapes are checked.

    Raises:
        ValueError: The arrays disagree in shape.
    """

    name: str
    """File and number of the episode, for messages."""
    observations: np.ndarray
    """(N, O) float32."""
    next_observations: np.ndarray
    """(N, O) float32."""
    actions: np.ndarray
    """(N, D) float32."""
    rewards: np.ndarray
    """(N,) float32."""
    terminals: np.ndarray
    """(N,) bool, as in the file."""
    timeouts: np.ndarray
    """(N,) bool, as in the file."""
    observation_names: tuple[str, ...] = ()
    """Layout of an observation as `parl_policy.episode.observation` names it; empty if unknown."""
    films: Mapping[str, RecordedFilm] = field(default_factory=dict)
    """N + 1 pictures of each camera, by its name."""
    instruction: str = ''
    """What the robot was told to do; empty if that is not known."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
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
                f'{self.name}: arrays have lengths {lengths}; an episode needs one row per '
                'transition in each, and at least 1 transition'
            )
        if self.next_observations.shape != self.observations.shape:
            raise ValueError(
                f'{self.name}: next_observations have shape {self.next_observations.shape} and '
                f'observations {self.observations.shape}; they must be equal'
            )
        for name in ('rewards', 'terminals', 'timeouts'):
            shape = getattr(self, name).shape
            if len(shape) != 1:
                raise ValueError(
                    f'{self.name}: {name} have shape {shape}; write one number per transition, '
                    f'{shape[:1]}'
                )
        for camera, film in self.films.items():
            if len(film) != len(self) + 1:
                raise ValueError(
                    f'{self.name}: the camera {camera!r} has {len(film)} pictures for '
                    f'{len(self)} transitions; there must be one more than transitions'
                )

    def __len__(self) -> int:
        """Return the number of transitions N."""
        return len(self.actions)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """N transitions in the learner's conventions; the replay takes it as a `RecordedEpisode`."""

    episode_id: str
    purpose: Purpose
    """'demonstration' (offline data), 'practice' or 'evaluation'."""
    observations: np.ndarray
    """(N + 1, O) float32."""
    actions: np.ndarray
    """(N, D) float32 in [-1, 1]."""
    rewards: np.ndarray
    """(N,) float32 with the bias: 0 at success, below 0 before."""
    terminated: np.ndarray
    """(N,) bool; the last is True only after a success, so that time-outs bootstrap."""
    films: Mapping[str, RecordedFilm] = field(default_factory=dict)
    """N + 1 pictures of each observed camera, by its name."""
    instruction: str = ''
    """What the robot was told to do; empty if that is not known."""
    observation_names: tuple[str, ...] = ()
    """Layout of an observation as `parl_policy.episode.observation` names it; empty if unknown."""

    def __len__(self) -> int:
        """Return the number of transitions N."""
        return len(self.actions)

    @property
    def success(self) -> bool:
        """Whether the episode ended in success."""
        return bool(self.terminated[-1])

    @property
    def interventions(self) -> np.ndarray:
        """(N,) bool, all False: the data does not say who chose an action."""
        return np.zeros(len(self), bool)


def joined(episodes: Sequence[RawEpisode], name: str) -> np.ndarray:
    """Return a field of all episodes, joined along the first axis: (N, ...) for N transitions."""
    return np.concatenate([getattr(episode, name) for episode in episodes])


def digest(trajectories: Sequence[Trajectory]) -> str:
    """Return the SHA-256 of all that is learned: numbers, layout, pictures and instructions."""
    content = hashlib.sha256()
    for t in trajectories:
        content.update(repr((t.purpose, t.observation_names)).encode())
        for array in (t.observations, t.actions, t.rewards, t.terminated):
            content.update(f'{array.dtype}{array.shape}'.encode())
            content.update(array.tobytes())
        # Nothing for what a trajectory lacks: data that is only numbers keeps its digest.
        if t.instruction:
            content.update(repr(t.instruction).encode())
        for camera, film in t.films.items():
            content.update(f'{camera!r}{film.size}{len(film)}'.encode())
            content.update(film_digest(film))
    return content.hexdigest()


def film_digest(film: RecordedFilm) -> bytes:
    """Return the SHA-256 of all pictures of a film; it reads them once."""
    content = hashlib.sha256()
    for picture in picture_bytes(film):
        content.update(f'{len(picture)} '.encode())
        content.update(picture)
    return content.digest()
