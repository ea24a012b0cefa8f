# SPDX-License-Identifier: Apache-2.0
"""gymnasium-robotics' FrankaKitchen with the observations and rewards of D4RL's kitchen data.

D4RL has 9 arm and finger positions, 21 object positions, 30 goal positions and no velocities; its
reward is the number of sub-tasks solved so far. gymnasium-robotics also has velocities; its reward
is the number of sub-tasks solved in this step alone.
"""

from typing import Any

import gymnasium
import numpy as np

ARM, OBJECTS = slice(0, 9), slice(18, 39)
"""Positions in FrankaKitchen-v1's 59 numbers (9, 9 velocities, 21, 20 velocities)."""


class D4RLKitchen(gymnasium.Wrapper):
    """FrankaKitchen with D4RL's observations (60,) and rewards 0…4."""

    def __init__(self, environment: gymnasium.Env) -> None:
        """Take the goal from the environment's tasks."""
        from gymnasium_robotics.envs.franka_kitchen.kitchen_env import OBS_ELEMENT_INDICES

        super().__init__(environment)
        self._goal = np.zeros(30)
        goals: dict[str, np.ndarray] = environment.get_wrapper_attr('goal')
        for task, positions in goals.items():
            self._goal[OBS_ELEMENT_INDICES[task]] = positions
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (60,), np.float64)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:  # noqa: ANN401
        """Begin an episode; return its first observation (60,)."""
        observation, info = self.env.reset(**arguments)
        return self._layout(observation['observation']), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Do a control step of 0.08 s; return observation (60,) and reward 0…4."""
        observation, _, terminated, truncated, info = self.env.step(action)
        solved = float(len(info['episode_task_completions']))
        return self._layout(observation['observation']), solved, terminated, truncated, info

    def _layout(self, observation: np.ndarray) -> np.ndarray:
        return np.concatenate([observation[ARM], observation[OBJECTS], self._goal])
