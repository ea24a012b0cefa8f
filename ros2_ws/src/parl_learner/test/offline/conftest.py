# SPDX-License-Identifier: Apache-2.0
"""Where recorded data may be found."""

import os
from pathlib import Path

import gymnasium
import numpy as np
import pytest

BESIDE_CHECKOUT = Path(__file__).resolve().parents[6] / 'shared/data'


@pytest.fixture(scope='session')
def data_folder():
    """Gives the folder of real recorded data: PARL_DATA, or `shared/data` beside the checkout."""
    folder = Path(os.environ.get('PARL_DATA') or BESIDE_CHECKOUT)
    if not (folder / 'kitchen-complete-v0_0.tfrecord').exists():
        pytest.skip(f'recorded robot data is not in {folder}; set PARL_DATA to its folder')
    return folder


class Corridor(gymnasium.Env):
    """A point on a line from 0; success is to reach 1 with steps of at most 0.25."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-2.0, 2.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        start = (options or {}).get('start', 0.0)
        self.place = start + self.np_random.uniform(-0.01, 0.01)
        return np.array([self.place, 1.0]), {}

    def step(self, action):
        self.place += float(np.clip(action[0], -2.0, 2.0)) / 8.0
        reward = float(self.place >= 1.0)
        return np.array([self.place, 1.0]), reward, False, False, {}


gymnasium.register('Corridor-v0', entry_point=Corridor)


class Lane(Corridor):
    """The same, seen from above too; one array is drawn into again and again."""

    observation_space = gymnasium.spaces.Dict(
        {
            'place': gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64),
            'picture': gymnasium.spaces.Box(0, 255, (16, 24, 3), np.uint8),
        }
    )

    def __init__(self):
        self._picture = np.zeros((16, 24, 3), np.uint8)

    def reset(self, **arguments):
        observation, info = super().reset(**arguments)
        return self._seen(observation), info

    def step(self, action):
        observation, *rest = super().step(action)
        return self._seen(observation), *rest

    def _seen(self, observation):
        self._picture[:] = 40
        column = int(np.clip(self.place, 0.0, 1.0) * 22)
        self._picture[4:12, column : column + 2] = (250, 160, 20)
        return {'place': observation, 'picture': self._picture}


gymnasium.register('Lane-v0', entry_point=Lane)
