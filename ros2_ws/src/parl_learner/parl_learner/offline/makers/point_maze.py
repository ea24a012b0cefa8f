# SPDX-License-Identifier: Apache-2.0
"""Makes the stitching data set: short walks in PointMaze that never show the whole way.

Each walk begins in a random cell of the corridor and goes towards the goal or away from it. So
imitation goes back and forth; only a critic can join the pieces to the whole way.
"""

from pathlib import Path

import numpy as np

from parl_learner.offline.environments.derived_seed import derived_seed
from parl_learner.offline.environments.environment import EnvironmentConfig
from parl_learner.offline.makers.data_maker import make_data
from parl_learner.offline.makers.transition_recorder import TransitionRecorder
from parl_learner.offline.run.training_config import TrainingConfig

CONFIG = 'point_maze_stitched'
CORRIDOR = ((3, 1), (3, 2), (3, 3), (2, 3), (1, 3), (1, 2), (1, 1))
"""Cells (row, column) of the U-shaped corridor from start to goal."""
WALK_STEPS = 10
"""Control steps of 0.1 s in a walk; the whole way takes about 30 at the walks' speed."""
SPEED_M_S = 2.0
NOISE = 0.3
"""Standard deviation of the noise on every action."""


def make_walks(
    environment_config: EnvironmentConfig, walks: int, seed: int
) -> dict[str, np.ndarray]:
    """Walk with a scripted controller.

    Args:
        environment_config: The maze; its start cell is replaced.
        walks: Number of walks.
        seed: Seed of all draws.

    Returns:
        D4RL's flat arrays, as in `TransitionRecorder.arrays`.
    """
    environment = environment_config.make()
    recorder = TransitionRecorder(environment)
    draws = np.random.default_rng(seed)
    maze = environment.get_wrapper_attr('maze')
    centres = np.array([maze.cell_rowcol_to_xy(np.array(cell)) for cell in CORRIDOR])
    for walk in range(walks):
        place = int(draws.integers(len(CORRIDOR)))
        direction = int(draws.choice([-1, 1]))
        options = {**environment_config.reset_options, 'reset_cell': np.array(CORRIDOR[place])}
        observation, _ = environment.reset(seed=derived_seed('walk', seed, walk), options=options)
        walker = Walker(centres, place, direction, draws)
        recorder.play(observation, WALK_STEPS, walker.act, lambda reward, _: reward > 0.0)
    environment.close()
    return recorder.arrays()


class Walker:
    """A controller that goes along the corridor from cell to cell, with noise."""

    def __init__(
        self, centres: np.ndarray, place: int, direction: int, draws: np.random.Generator
    ) -> None:
        """Begin in a cell.

        Args:
            centres: (cells, 2) centres of the cells from start to goal [m].
            place: Index of the first cell.
            direction: 1 goes towards the goal, -1 away from it.
            draws: Source of the noise.
        """
        self._centres, self._waypoint, self._direction = centres, place, direction
        self._draws = draws

    def act(self, _: int, observation: np.ndarray) -> np.ndarray:
        """Return the action (2,) for an observation.

        Args:
            _: Step.
            observation: Begins with position (2,) [m] and velocity (2,) [m/s].
        """
        if np.linalg.norm(self._centres[self._waypoint] - observation[:2]) < 0.4:
            following = self._waypoint + self._direction
            self._waypoint = int(np.clip(following, 0, len(self._centres) - 1))
        wanted = self._centres[self._waypoint] - observation[:2]
        wanted *= SPEED_M_S / max(float(np.linalg.norm(wanted)), 0.5)
        noisy: np.ndarray = wanted - observation[2:4] + self._draws.normal(0, NOISE, 2)
        return noisy


def main() -> None:
    """Write the file that the configuration names."""
    make_data(__doc__, CONFIG, 'walks', 400, _make)


def _make(config: TrainingConfig, _: Path, walks: int, seed: int) -> dict[str, np.ndarray]:
    assert config.environment is not None
    return make_walks(config.environment, walks, seed)


if __name__ == '__main__':
    main()
