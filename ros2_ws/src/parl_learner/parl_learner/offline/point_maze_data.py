# SPDX-License-Identifier: Apache-2.0
"""Makes the stitching data set: short walks in PointMaze that never show the whole way.

Each walk begins in a random cell of the corridor and goes towards the goal or away from it, so
imitation wanders; the way through has to be put together from pieces, by value.
"""

import argparse
from pathlib import Path

import numpy as np

from parl_learner.offline.d4rl_data import write_d4rl
from parl_learner.offline.derived_seed import derived_seed
from parl_learner.offline.environment import EnvironmentConfig
from parl_learner.offline.training_files import load_training

CONFIG = 'point_maze_stitched'
CORRIDOR = ((3, 1), (3, 2), (3, 3), (2, 3), (1, 3), (1, 2), (1, 1))
"""Cells (row, column) of the U from start to goal."""
WALK_STEPS = 10
"""Of 0.1 s; the whole way takes about 30 at the walks' speed."""
SPEED_M_S = 2.0
NOISE = 0.3
"""Standard deviation of the noise on every action."""


def make_walks(
    environment_config: EnvironmentConfig, walks: int, seed: int
) -> dict[str, np.ndarray]:
    """Walk with a scripted controller.

    Args:
        environment_config: The maze; its start cell is replaced.
        walks: How many.
        seed: Of all draws.

    Returns:
        D4RL's flat arrays.
    """
    environment = environment_config.make()
    draws = np.random.default_rng(seed)
    maze = environment.get_wrapper_attr('maze')
    centres = np.array([maze.cell_rowcol_to_xy(np.array(cell)) for cell in CORRIDOR])
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, float, bool, bool]] = []
    for walk in range(walks):
        place = int(draws.integers(len(CORRIDOR)))
        direction = int(draws.choice([-1, 1]))
        options = {**environment_config.reset_options, 'reset_cell': np.array(CORRIDOR[place])}
        observation, _ = environment.reset(seed=derived_seed('walk', seed, walk), options=options)
        waypoint = place
        for step in range(WALK_STEPS):
            if np.linalg.norm(centres[waypoint] - observation[:2]) < 0.4:
                waypoint = int(np.clip(waypoint + direction, 0, len(CORRIDOR) - 1))
            wanted = centres[waypoint] - observation[:2]
            wanted *= SPEED_M_S / max(float(np.linalg.norm(wanted)), 0.5)
            action = np.clip(wanted - observation[2:4] + draws.normal(0, NOISE, 2), -1.0, 1.0)
            following, given, *_ = environment.step(action.astype(np.float32))
            reward = float(given)
            success = reward > 0.0
            is_last = success or step + 1 == WALK_STEPS
            rows.append((observation, following, action, reward, success, is_last))
            observation = following
            if is_last:
                break
    environment.close()
    observations, following, actions, rewards, successes, ends = map(
        np.array, zip(*rows, strict=True)
    )
    return {
        'observations': observations,
        'next_observations': following,
        'actions': actions.astype(np.float32),
        'rewards': rewards.astype(np.float32),
        'terminals': successes,
        'timeouts': ends & ~successes,
    }


def main() -> None:
    """Write the file that the configuration names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, help='data folder')
    parser.add_argument('--walks', type=int, default=400)
    parser.add_argument('--seed', type=int, default=0)
    given = parser.parse_args()
    config = load_training(CONFIG)
    assert config.environment is not None
    path = given.folder / config.dataset.file
    given.folder.mkdir(parents=True, exist_ok=True)
    write_d4rl(path, make_walks(config.environment, given.walks, given.seed))
    print(f'{given.walks} walks in {path}')


if __name__ == '__main__':
    main()
