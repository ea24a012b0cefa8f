# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from widowx_driver.arm.pose import (
    join_tilt_and_yaw,
    matrix_to_quaternion,
    quaternion_to_matrix,
    roll_pitch_yaw_to_matrix,
    rotation_from_vector,
    rotation_to_vector,
    split_tilt_and_yaw,
    STRAIGHT_DOWN,
    turn_part_way,
)

vectors = st.tuples(*[st.floats(-3.0, 3.0)] * 3).map(np.array)


@pytest.mark.parametrize(
    ('vector', 'quaternion'),
    [
        ([0.0, 0.0, np.pi / 2], [0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)]),
        ([np.pi, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]),
        ([0.0, np.pi, 0.0], [0.0, 1.0, 0.0, 0.0]),
        ([0.0, 0.0, np.pi], [0.0, 0.0, 1.0, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]),
    ],
)
def test_quaternions_of_known_rotations(vector, quaternion):
    rotation = rotation_from_vector(np.array(vector))
    assert np.allclose(matrix_to_quaternion(rotation), quaternion, atol=1e-12)
    assert np.allclose(quaternion_to_matrix(np.array(quaternion)), rotation, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(vectors)
def test_quaternion_and_vector_round_trips(vector):
    rotation = rotation_from_vector(vector)
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(rotation), 1.0)
    quaternion = matrix_to_quaternion(rotation)
    assert quaternion[3] >= 0.0
    assert np.allclose(quaternion_to_matrix(quaternion), rotation, atol=1e-9)
    assert np.allclose(rotation_from_vector(rotation_to_vector(rotation)), rotation, atol=1e-9)


def test_straight_down_points_the_gripper_axis_at_the_table():
    assert np.array_equal(STRAIGHT_DOWN @ [1.0, 0.0, 0.0], [0.0, 0.0, -1.0])


def test_roll_pitch_yaw_are_fixed_axis_angles():
    yawed = roll_pitch_yaw_to_matrix(np.array([0.0, 0.0, np.pi / 2]))
    assert np.allclose(yawed @ [1, 0, 0], [0, 1, 0])
    pitched_then_yawed = roll_pitch_yaw_to_matrix(np.array([0.0, np.pi / 2, np.pi / 2]))
    assert np.allclose(pitched_then_yawed @ [0, 0, 1], [0, 1, 0])
    rolled = roll_pitch_yaw_to_matrix(np.array([np.pi / 2, 0.0, 0.0]))
    assert np.allclose(rolled @ [0, 1, 0], [0, 0, 1])


@settings(max_examples=60, deadline=None)
@given(vectors)
def test_tilt_and_yaw_rebuild_the_rotation_and_tilt_is_the_angle_from_straight_down(vector):
    rotation = rotation_from_vector(vector) @ STRAIGHT_DOWN
    tilt_vector, yaw = split_tilt_and_yaw(rotation)
    assert tilt_vector[2] == 0.0
    assert np.allclose(join_tilt_and_yaw(tilt_vector, yaw), rotation, atol=1e-6)
    angle = np.arccos(np.clip(-rotation[2, 0], -1.0, 1.0))
    assert np.isclose(np.linalg.norm(tilt_vector), angle, atol=1e-6)


def test_tilt_and_yaw_of_a_gripper_pointing_up_are_finite():
    tilt_vector, yaw = split_tilt_and_yaw(
        rotation_from_vector(np.array([np.pi, 0.0, 0.0])) @ STRAIGHT_DOWN
    )
    assert np.isclose(np.linalg.norm(tilt_vector), np.pi)
    assert yaw == 0.0


def test_half_way_of_a_turn():
    end = rotation_from_vector(np.array([0.0, 0.0, 0.4]))
    half = turn_part_way(np.eye(3), end, 0.5)
    assert np.allclose(rotation_to_vector(half), [0.0, 0.0, 0.2])
