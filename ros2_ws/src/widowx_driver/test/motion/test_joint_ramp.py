# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np

from widowx_driver.motion.joint_ramp import joint_ramp

joints = st.tuples(*[st.floats(-3.0, 3.0)] * 6).map(np.array)


def test_duration_follows_from_the_longest_way():
    """0.5 rad at a peak of 0.5 rad/s takes 1.5 s: 8 set-points of 0.2 s."""
    ramp = joint_ramp(np.zeros(6), np.array([0.5, 0.1, 0, 0, 0, 0]), 0.5, 0.2)
    assert ramp.shape == (8, 6)
    assert np.allclose(ramp[-1], [0.5, 0.1, 0, 0, 0, 0])
    assert np.allclose(ramp[3], [0.25, 0.05, 0, 0, 0, 0])


def test_no_distance_is_no_move_unless_time_is_asked_for():
    assert joint_ramp(np.ones(6), np.ones(6), 0.5, 0.2).shape == (0, 6)
    waiting = joint_ramp(np.ones(6), np.ones(6), 0.5, 0.2, min_duration_s=1.0)
    assert waiting.shape == (5, 6)
    assert np.array_equal(waiting, np.ones((5, 6)))


@settings(max_examples=60, deadline=None)
@given(joints, joints, st.floats(0.05, 2.0), st.floats(0.05, 0.5))
def test_speed_is_never_exceeded_and_nothing_overshoots(start, end, speed, period):
    ramp = joint_ramp(start, end, speed, period)
    whole = np.vstack([start, ramp])
    assert np.max(np.abs(np.diff(whole, axis=0)), initial=0.0) <= speed * period * (1 + 1e-9)
    assert np.all(ramp <= np.maximum(start, end) + 1e-12)
    assert np.all(ramp >= np.minimum(start, end) - 1e-12)
