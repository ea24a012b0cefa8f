# SPDX-License-Identifier: Apache-2.0
"""The configuration of offline data: its file, its layout, and the way to trajectories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from parl_files.episode import Episode, Purpose
from parl_files.episode_file import read_episode
from parl_files.recording.film import Film
from parl_learner.offline.data.d4rl import read_d4rl, Split
from parl_learner.offline.data.hdf5_file import DatasetFileError
from parl_learner.offline.data.minari import read_minari
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.tfrecord_data import read_bridge_tfrecord, read_kitchen_tfrecord
from parl_learner.offline.data.trajectory import ACTION_LIMIT, RawEpisode, Trajectory
from parl_learner.offline.observations.films import FilmStart
from parl_learner.offline.observations.keys import ObservationKeys

_KEYS = {
    'd4rl': ('observation_keys', 'cameras', 'instruction_key'),
    'minari': ('observation_keys', 'cameras', 'instruction_key'),
    'kitchen_tfrecord': (),
    'bridge_tfrecord': ('cameras', 'instruction_key'),
    'station': ('cameras',),
}
"""What can be named in data of each format."""


@dataclass(frozen=True, kw_only=True)
class DatasetConfig(ObservationKeys):
    """The place of offline data, and the meaning of its fields.

    Not every format has entries of each kind to choose from (`_KEYS`). Formats whose pictures have
    names of their own ('station', 'bridge_tfrecord') keep them if `cameras` is empty.
    """

    file: str
    """Path below the data folder (`--data` or PARL_DATA)."""
    format: Literal['d4rl', 'minari', 'kitchen_tfrecord', 'bridge_tfrecord', 'station']
    """Layout of the file; 'station' is a folder of episode files that the robot recorded."""
    split: Split = 'flags'
    """D4RL: episodes end at the flags; with 'gaps' also where observations do not continue."""
    terminals: Literal['flags', 'reward'] = 'flags'
    """'flags': the file's terminals must agree with the reward.

    'reward': they are ignored, as in the authors' release.
    """
    action_scale: float = 1.0
    """Divisor of the recorded actions."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super().__post_init__()
        for name in ('observation_keys', 'cameras', 'instruction_key'):
            if getattr(self, name) and name not in _KEYS[self.format]:
                raise ValueError(
                    f'{name} is {getattr(self, name)!r}, but data of the format {self.format} has '
                    f'none to choose from; leave it out'
                )
        if self.action_scale <= 0:
            raise ValueError(f'action_scale must be more than 0: {self.action_scale}')

    def read(self, folder: Path) -> list[RawEpisode]:
        """Read the episodes; there is at least one.

        Raises:
            DatasetFileError, TFRecordError, EpisodeFileError: The data is missing or damaged.
        """
        path = folder / self.file
        episodes = self._read(path)
        if not episodes:
            raise DatasetFileError(
                f'{path} holds no demonstrations of the format {self.format}; check the data '
                'folder (of parl-train: --data or PARL_DATA)'
            )
        return [
            episode if episode.instruction else replace(episode, instruction=self.instruction)
            for episode in episodes
        ]

    def _read(self, path: Path) -> list[RawEpisode]:
        if self.format == 'd4rl':
            return read_d4rl(path, self.split, self)
        if self.format == 'minari':
            return read_minari(path, self)
        if self.format == 'kitchen_tfrecord':
            return read_kitchen_tfrecord(path)
        if self.format == 'bridge_tfrecord':
            return read_bridge_tfrecord(path, self)
        return read_station(path, self)


def read_station(folder: Path, keys: ObservationKeys) -> list[RawEpisode]:
    """Read the demonstrations in a folder of the station's episode files (*.mcap).

    Args:
        folder: The folder.
        keys: Cameras by their new names; all cameras by their own if none is named.

    Raises:
        EpisodeFileError: A file is damaged.
        DatasetFileError: An episode has no pictures of a camera that is named.
    """
    episodes = [read_episode(path) for path in sorted(folder.glob('*.mcap'))]
    return [
        RawEpisode(
            name=episode.episode_id,
            observations=episode.observations[:-1],
            next_observations=episode.observations[1:],
            actions=episode.actions,
            rewards=episode.rewards,
            terminals=episode.terminated,
            timeouts=episode.truncated,
            observation_names=tuple(episode.observation_names),
            films=_station_films(episode, keys.cameras),
            instruction=episode.instruction,
        )
        for episode in episodes
        if episode.trainable and episode.purpose == Purpose.DEMONSTRATION
    ]


def _station_films(episode: Episode, cameras: Mapping[str, str]) -> Mapping[str, Film]:
    missing = sorted(set(cameras.values()) - set(episode.films))
    if missing:
        raise DatasetFileError(
            f'episode {episode.episode_id} has no pictures of {missing}, which dataset.cameras '
            f'names; it has {sorted(episode.films) or "none"}'
        )
    return {name: episode.films[key] for name, key in cameras.items()} or episode.films


def to_trajectories(
    episodes: Sequence[RawEpisode], convention: RewardConvention, action_scale: float = 1.0
) -> list[Trajectory]:
    """Convert recorded episodes to the learner's conventions.

    Only the reward says what success is; steps after a success are left out. Actions are divided
    by `action_scale` and clipped to ±`ACTION_LIMIT`.
    """
    return [_to_trajectory(episode, convention, action_scale) for episode in episodes]


def _to_trajectory(
    episode: RawEpisode, convention: RewardConvention, action_scale: float
) -> Trajectory:
    successes = convention.successes(episode.rewards)
    length = int(successes.argmax()) + 1 if successes.any() else len(episode)
    rows = np.concatenate(
        [episode.observations[:length], episode.next_observations[length - 1 : length]]
    )
    return Trajectory(
        episode_id=episode.name,
        purpose=Purpose.DEMONSTRATION,
        observations=rows,
        actions=np.clip(episode.actions[:length] / action_scale, -ACTION_LIMIT, ACTION_LIMIT),
        rewards=convention.learned(episode.rewards[:length]),
        terminated=successes[:length],
        films={
            camera: FilmStart(film, length + 1, f'{episode.name}, camera {camera!r}')
            for camera, film in episode.films.items()
        },
        instruction=episode.instruction,
        observation_names=episode.observation_names,
    )
