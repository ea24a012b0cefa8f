# SPDX-License-Identifier: Apache-2.0
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
import pytest

from parl_policy.episode.action_space import (
    action_between,
    ActionError,
    apply_action,
    check_action,
    rotation_from_vector,
    Target,
    vector_from_rotation,
)
from parl_policy.episode.observation import R_DOWN

START = Target(np.array([0.30, -0.02, 0.10]), R_DOWN, 1.0)
unit = st.floats(-1.0, 1.0, allow_subnormal=False)


def test_hand_computed_step():
    target = apply_action(START, np.array([1.0, -0.5, 0.2, 0.0, 0.0, 1.0, 0.5]))
    np.testing.assert_allclose(target.position, [0.35, -0.045, 0.11], atol=1e-12)
    assert target.gripper == 0.75
    # 0.25 rad about base z; the gripper's y axis lies along base y, its x axis points down.
    np.testing.assert_allclose(target.rotation[:, 1], [-math.sin(0.25), math.cos(0.25), 0.0])
    np.testing.assert_allclose(target.rotation[:, 0], [0.0, 0.0, -1.0], atol=1e-12)


def test_rotation_is_about_the_fixed_axes_of_the_base():
    target = apply_action(START, np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]))
    pointing = [0.0, math.sin(0.25), -math.cos(0.25)]  # Rx(0.25) of straight down
    np.testing.assert_allclose(target.rotation[:, 0], pointing, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    arrays(float, 7, elements=unit),
    arrays(float, 3, elements=st.floats(-1.7, 1.7)),
    st.floats(0.0, 1.0),
)
def test_action_between_inverts_apply_action(action, turn, gripper):
    start = Target(np.array([0.3, 0.1, 0.2]), rotation_from_vector(turn), gripper)
    target = apply_action(start, action)
    np.testing.assert_allclose(target.rotation @ target.rotation.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(action_between(start, target), action, atol=1e-8)


@settings(max_examples=50, deadline=None)
@given(arrays(float, 3, elements=st.floats(-1.8, 1.8)))
def test_rotation_vector_round_trip(vector):
    np.testing.assert_allclose(
        vector_from_rotation(rotation_from_vector(vector)), vector, atol=1e-7
    )


def test_rotation_vector_of_half_a_turn_less_a_little():
    vector = np.array([0.0, math.pi - 1e-3, 0.0])
    np.testing.assert_allclose(
        vector_from_rotation(rotation_from_vector(vector)), vector, atol=1e-9
    )


def test_action_between_is_clipped_where_the_driver_went_further():
    far = Target(
        START.position + np.array([0.2, 0.0, -0.06]),
        rotation_from_vector(np.array([0, 0, 1])) @ R_DOWN,
        0.0,
    )
    np.testing.assert_allclose(
        action_between(START, far), [1.0, 0.0, -1.0, 0.0, 0.0, 1.0, -1.0], atol=1e-12
    )


@pytest.mark.parametrize(
    ('action', 'message'),
    [
        (np.zeros(6), r'shape \(6,\), expected \(7,\): dx, dy'),
        (np.zeros((1, 7)), r'shape \(1, 7\)'),
        (np.array([0, 0, math.nan, 0, 0, 0, 0]), 'not finite'),
        (np.array([0, 0, math.inf, 0, 0, 0, 0]), 'not finite'),
        (np.array([0, 0, 0, 0, -1.01, 0, 0]), r'leaves \[-1, 1\]'),
    ],
)
def test_bad_actions_are_refused(action, message):
    with pytest.raises(ActionError, match=message):
        apply_action(START, action)


def test_rounding_beyond_one_is_cut_off():
    assert check_action(np.full(7, 1.0 + 1e-7)).max() == 1.0
