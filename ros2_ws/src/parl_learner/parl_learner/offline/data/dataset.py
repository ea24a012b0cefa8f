# SPDX-License-Identifier: Apache-2.0
"""The configuration of offline data: its file, its layout, and the way to trajectories."""

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
    """The place of offline data, and the meaning of its fields."""

    file: str
    """Path below the data folder (`--data` or PARL_DATA)."""
    format: Literal['d4rl', 'minari', 'kitchen_tfrecord', 'bridge_tfrecord', 'station']
    """Layout of the file; 'station' is a folder of episode files that the robot recorded."""
    observation_keys: tuple[str, ...] = ()
    """Minari: entries of dictionary observations, in the order of the vector, images first."""
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
        observation_names=episode.observation_names,
    )
