# SPDX-License-Identifier: Apache-2.0
import gymnasium
import numpy as np
import pytest

from parl_learner.offline.makers.transition_recorder import TransitionRecorder
from parl_policy.observations import Observation


class Line(gymnasium.Env):
    """An action moves the point by itself; the reward is the place; it ends beyond 1.5."""

    def reset(self, *, seed=None, options=None):
        self.place = np.zeros(1, np.float32)
        return Observation(self.place), {}

    def step(self, action):
        self.place = self.place + action
        return Observation(self.place), self.place[0], bool(self.place[0] > 1.5), False, {}


@pytest.fixture
def arrays():
    environment = Line()
    recorder = TransitionRecorder(environment)
    first, _ = environment.reset()
    # 9 is clipped to 1; then the environment's own end.
    recorder.play(first, 5, lambda step, _: np.array([9.0]), lambda reward, ended: ended)
    first, _ = environment.reset()
    # By the reward: at 1 already.
    recorder.play(first, 5, lambda step, _: np.array([0.5]), lambda reward, _: reward >= 1.0)
    first, _ = environment.reset()
    recorder.play(first, 2, lambda step, seen: seen + 0.25 * step, lambda reward, _: False)
    return recorder.arrays()


def test_what_happened_is_recorded_end_to_end(arrays):
    expected = {
        'observations': [[0], [1], [0], [0.5], [0], [0]],
        'next_observations': [[1], [2], [0.5], [1], [0], [0.25]],
        'actions': [[1], [1], [0.5], [0.5], [0], [0.25]],
        'rewards': [1, 2, 0.5, 1, 0, 0.25],
        'terminals': [False, True, False, True, False, False],
        'timeouts': [False, False, False, False, False, True],
    }
    assert {name: column.tolist() for name, column in arrays.items()} == expected


def test_the_arrays_have_d4rls_types(arrays):
    floats = ('observations', 'next_observations', 'actions', 'rewards')
    assert {arrays[name].dtype for name in floats} == {np.dtype(np.float32)}
    assert {arrays[name].dtype for name in ('terminals', 'timeouts')} == {np.dtype(bool)}
