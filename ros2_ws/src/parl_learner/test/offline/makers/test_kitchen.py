# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from parl_learner.offline.data.d4rl import read_d4rl, write_d4rl
from parl_learner.offline.data.trajectory import RawEpisode
from parl_learner.offline.makers.kitchen import CONFIG, replay_with_noise
from parl_learner.offline.run.training_files import load_training


def test_replays_are_recorded_as_they_happened(tmp_path):
    pytest.importorskip('gymnasium_robotics', reason="the kitchen is gymnasium-robotics'")
    steps = 3
    still = RawEpisode(
        name='still',
        observations=np.zeros((steps, 60), np.float32),
        next_observations=np.zeros((steps, 60), np.float32),
        actions=np.zeros((steps, 9), np.float32),
        rewards=np.zeros(steps, np.float32),
        terminals=np.zeros(steps, bool),
        timeouts=np.arange(steps) == steps - 1,
    )
    arrays = replay_with_noise(load_training(CONFIG).environment, [still], replays=2, seed=0)
    write_d4rl(tmp_path / 'replays.hdf5', arrays)
    first, second = read_d4rl(tmp_path / 'replays.hdf5', 'gaps')
    for episode in (first, second):
        assert episode.observations.shape == (steps, 60)
        assert episode.actions.shape == (steps, 9)
        assert 0.0 < np.abs(episode.actions).max() < 0.6  # noise of at most 0.1 alone
        assert episode.timeouts.tolist() == [False, False, True]
        np.testing.assert_array_equal(episode.observations[1:], episode.next_observations[:-1])
        np.testing.assert_array_equal(np.ptp(episode.observations[:, 30:], axis=0), 0.0)
    assert not np.array_equal(first.actions, second.actions)
