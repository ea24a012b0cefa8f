# SPDX-License-Identifier: Apache-2.0
"""Makes kitchen data of our own: the human demonstrations replayed with noise in FrankaKitchen.

Nobody corrects a replay, so many lose an object on the way; what is kept is what really happened.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from parl_learner.offline.d4rl_data import write_d4rl
from parl_learner.offline.derived_seed import derived_seed
from parl_learner.offline.environment import EnvironmentConfig
from parl_learner.offline.training_files import load_training
from parl_learner.offline.trajectory import RawEpisode

DEMONSTRATIONS, CONFIG = 'kitchen_demonstrations', 'kitchen_replayed'
LARGEST_NOISE = 0.1
"""Each replay draws its noise level (standard deviation of every action) from 0 … this."""


def replay_with_noise(
    environment_config: EnvironmentConfig,
    demonstrations: Sequence[RawEpisode],
    replays: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Play the demonstrations' actions open-loop.

    Returns:
        D4RL's flat arrays; rewards count the sub-tasks solved so far.
    """
    environment = environment_config.make()
    draws = np.random.default_rng(seed)
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, float, bool, bool]] = []
    for replay in range(replays):
        actions = demonstrations[replay % len(demonstrations)].actions
        noise = draws.uniform(0.0, LARGEST_NOISE)
        observation, _ = environment.reset(seed=derived_seed('replay', seed, replay))
        for step, action in enumerate(actions):
            noisy = np.clip(action + draws.normal(0.0, noise, action.shape), -1.0, 1.0)
            following, reward, terminated, *_ = environment.step(noisy.astype(np.float32))
            is_last = terminated or step + 1 == len(actions)
            rows.append((observation, following, noisy, float(reward), terminated, is_last))
            observation = following
            if is_last:
                break
    environment.close()
    observations, following, played, rewards, solved, ends = map(np.array, zip(*rows, strict=True))
    return {
        'observations': observations,
        'next_observations': following,
        'actions': played.astype(np.float32),
        'rewards': rewards.astype(np.float32),
        'terminals': solved,
        'timeouts': ends & ~solved,
    }


def main() -> None:
    """Write the file that the configuration names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, help='data folder, with the demonstrations in it')
    parser.add_argument('--replays', type=int, default=40)
    parser.add_argument('--seed', type=int, default=0)
    given = parser.parse_args()
    config, source = load_training(CONFIG), load_training(DEMONSTRATIONS).dataset
    assert config.environment is not None
    arrays = replay_with_noise(
        config.environment, source.read(given.folder), given.replays, given.seed
    )
    path = given.folder / config.dataset.file
    write_d4rl(path, arrays)
    print(f'{given.replays} replays in {path}')


if __name__ == '__main__':
    main()
