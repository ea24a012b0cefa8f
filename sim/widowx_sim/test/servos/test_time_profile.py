# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from widowx_sim.servos.time_profile import TimeProfile

_STEP_S = 0.0025


def _profile(duration_s=0.2, acceleration_s=0.05, limit=np.pi, motors=1):
    return TimeProfile(
        np.zeros(motors),
        np.full(motors, limit),
        np.full(motors, duration_s),
        np.full(motors, acceleration_s),
    )


def _positions(profile, steps, step_s=_STEP_S):
    return np.array([profile.advance(step_s)[0] for _ in range(steps)])


def test_trapezoid_has_the_hand_computed_shape():
    profile = _profile()
    profile.move_to(np.array([0.3]), slice(0, 1))
    # Peak 0.3 / (0.2 - 0.05) = 2 rad/s; the ramp covers 2 * 0.05 / 2 = 0.05 rad.
    positions = _positions(profile, 80)
    np.testing.assert_allclose(positions[[9, 19, 39, 59, 79]], [0.0125, 0.05, 0.15, 0.25, 0.3])
    speeds = np.diff(positions) / _STEP_S
    assert speeds.max() == pytest.approx(2.0)
    np.testing.assert_allclose(speeds[20:58], 2.0)


def test_arrives_exactly_at_the_end_and_not_before():
    profile = _profile()
    profile.move_to(np.array([0.3]), slice(0, 1))
    positions = _positions(profile, 90)
    assert positions[78] < 0.3
    assert np.all(positions[80:] == 0.3)


def test_acceleration_is_at_most_half_the_move():
    profile = _profile(duration_s=0.2, acceleration_s=0.15)
    profile.move_to(np.array([0.1]), slice(0, 1))
    positions = _positions(profile, 80)
    # A triangle: peak 2 * 0.1 / 0.2 = 1 rad/s halfway.
    assert positions[39] == pytest.approx(0.05)
    assert (np.diff(positions) / _STEP_S).max() == pytest.approx(1.0, rel=0.03)


def test_velocity_limit_stretches_the_move():
    profile = _profile(limit=1.0)
    profile.move_to(np.array([0.3]), slice(0, 1))
    # Shortest move at 1 rad/s: 0.3 + 0.05 s.
    positions = _positions(profile, 140)
    assert (np.diff(positions) / _STEP_S).max() == pytest.approx(1.0)
    assert positions[138] < 0.3
    assert positions[139] == pytest.approx(0.3)


def test_new_goal_starts_from_the_current_setpoint():
    profile = _profile()
    profile.move_to(np.array([0.3]), slice(0, 1))
    middle = _positions(profile, 40)[-1]
    profile.move_to(np.array([-0.1]), slice(0, 1))
    positions = _positions(profile, 80)
    assert middle == pytest.approx(0.15)
    assert positions[0] == pytest.approx(middle, abs=1e-3)
    assert positions[-1] == pytest.approx(-0.1)


def test_motors_move_on_their_own():
    profile = _profile(motors=3)
    profile.move_to(np.array([0.1]), slice(2, 3))
    for _ in range(80):
        profile.advance(_STEP_S)
    np.testing.assert_array_equal(profile.positions, [0.0, 0.0, 0.1])


@settings(max_examples=30, deadline=None)
@given(goal=st.floats(-3, 3), duration=st.floats(0.0, 1.0), acceleration=st.floats(0.0, 1.0))
def test_never_overshoots_or_exceeds_the_limit_and_always_arrives(goal, duration, acceleration):
    profile = _profile(duration_s=duration, acceleration_s=acceleration)
    profile.move_to(np.array([goal]), slice(0, 1))
    positions = np.concatenate([[0.0], _positions(profile, 1200)])
    steps = np.diff(positions) * np.sign(goal)
    assert steps.min() >= -1e-12
    assert steps.max() <= np.pi * _STEP_S + 1e-9
    assert positions[-1] == goal
