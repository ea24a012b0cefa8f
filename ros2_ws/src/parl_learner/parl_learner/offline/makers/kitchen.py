# SPDX-License-Identifier: Apache-2.0
"""Makes kitchen data: human demonstrations that are replayed with noise in FrankaKitchen.

A replay is not corrected, so many replays lose an object; the data holds what really happened.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from parl_learner.offline.data.trajectory import RawEpisode
from parl_learner.offline.environments.derived_seed import derived_seed
from parl_learner.offline.environments.environment import EnvironmentConfig
from parl_learner.offline.makers.data_maker import make_data
from parl_learner.offline.makers.transition_recorder import TransitionRecorder
from parl_learner.offline.run.training_config import TrainingConfig
from parl_learner.offline.run.training_files import load_training

DEMONSTRATIONS, CONFIG = 'kitchen_demonstrations', 'kitchen_replayed'
LARGEST_NOISE = 0.1
"""Largest noise level of a replay; a level is the standard deviation of every action."""


def replay_with_noise(
    environment_config: EnvironmentConfig,
    demonstrations: Sequence[RawEpisode],
    replays: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Replay the demonstrations' actions open-loop, with noise.

    Args:
        environment_config: The kitchen.
        demonstrations: Episodes whose actions (N, 9) are replayed in turn.
        replays: Number of episodes to play.
        seed: Seed of all draws.

    Returns:
        D4RL's flat arrays, as in `TransitionRecorder.arrays`; rewards count the sub-tasks solved
        so far.
    """
    environment = environment_config.make()
    recorder = TransitionRecorder(environment)
    draws = np.random.default_rng(seed)
    for replay in range(replays):
        actions = demonstrations[replay % len(demonstrations)].actions
        noise = draws.uniform(0.0, LARGEST_NOISE)

        def act(
            step: int, _: np.ndarray, actions: np.ndarray = actions, noise: float = noise
        ) -> np.ndarray:
            noisy: np.ndarray = actions[step] + draws.normal(0.0, noise, actions[step].shape)
            return noisy

        observation, _ = environment.reset(seed=derived_seed('replay', seed, replay))
        recorder.play(observation, len(actions), act, lambda reward, terminated: terminated)
    environment.close()
    return recorder.arrays()


def main() -> None:
    """Write the file that the configuration names."""
    make_data(__doc__, CONFIG, 'replays', 40, _make)


def _make(config: TrainingConfig, folder: Path, replays: int, seed: int) -> dict[str, np.ndarray]:
    assert config.environment is not None
    demonstrations = load_training(DEMONSTRATIONS).dataset.read(folder)
    return replay_with_noise(config.environment, demonstrations, replays, seed)


if __name__ == '__main__':
    main()
