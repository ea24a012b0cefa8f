# SPDX-License-Identifier: Apache-2.0
"""Offline data as a configuration names it: file, layout, and how it becomes trajectories."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from parl_files.episode import Purpose
from parl_files.episode_file import read_episode
from parl_learner.offline.data.d4rl import read_d4rl, Split
from parl_learner.offline.data.hdf5_file import DatasetFileError
from parl_learner.offline.data.minari import read_minari
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.tfrecord_data import read_bridge_tfrecord, read_kitchen_tfrecord
from parl_learner.offline.data.trajectory import ACTION_LIMIT, RawEpisode, Trajectory


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """Where offline data is and what its fields mean."""

    file: str
    """Below the data folder (`--data` or PARL_DATA)."""
    format: Literal['d4rl', 'minari', 'kitchen_tfrecord', 'bridge_tfrecord', 'station']
    """Layout; 'station' is a folder of episode files that the robot recorded."""
    observation_keys: tuple[str, ...] = ()
    """Minari: entries of dictionary observations, in the order they are joined, images first."""
    split: Split = 'flags'
    """D4RL: episodes end where flags say, or also where observations do not chain."""
    terminals: Literal['flags', 'reward'] = 'flags'
    """Whether the file's terminals must agree with the reward, or do not matter (release)."""
    action_scale: float = 1.0
    """Recorded actions are divided by this."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.action_scale <= 0:
            raise ValueError(f'action_scale must be positive: {self.action_scale}')

    def read(self, folder: Path) -> list[RawEpisode]:
        """Read the episodes, one or more.

        Raises:
            DatasetFileError, TFRecordError, EpisodeFileError: No such data there.
        """
        path = folder / self.file
        episodes = self._read(path)
        if not episodes:
            raise DatasetFileError(
                f'{path} holds no demonstrations of the format {self.format}; check the data '
                'folder (of parl-train: --data or PARL_DATA)'
            )
        return episodes

    def _read(self, path: Path) -> list[RawEpisode]:
        if self.format == 'd4rl':
            return read_d4rl(path, self.split)
        if self.format == 'minari':
            return read_minari(path, self.observation_keys)
        if self.format == 'kitchen_tfrecord':
            return read_kitchen_tfrecord(path)
        if self.format == 'bridge_tfrecord':
            return read_bridge_tfrecord(path)
        return read_station(path)


def read_station(folder: Path) -> list[RawEpisode]:
    """Read the demonstrations in a folder of the station's episode files (*.mcap).

    Raises:
        EpisodeFileError: A file is damaged.
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
        )
        for episode in episodes
        if episode.trainable and episode.purpose == Purpose.DEMONSTRATION
    ]


def to_trajectories(
    episodes: Sequence[RawEpisode], convention: RewardConvention, action_scale: float = 1.0
) -> list[Trajectory]:
    """Put recorded episodes into the learner's conventions.

    The reward alone says what success is; what was recorded after it is left out. Actions are
    scaled and clipped to ±`ACTION_LIMIT`.
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
        observation_names=episode.observation_names,
    )
