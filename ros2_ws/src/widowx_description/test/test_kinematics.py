# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from published_arm import HOME, published_pose
import pytest

from widowx_description.arm import joint_limits, REST_JOINTS
from widowx_description.kinematics import end_effector_pose

angles = st.tuples(*[st.floats(low, high) for low, high in zip(*joint_limits(), strict=True)])


def matrix_at(joints):
    pose = np.eye(4)
    pose[:3, 3], pose[:3, :3] = end_effector_pose(joints)
    return pose


def test_home_pose_is_the_published_matrix():
    np.testing.assert_allclose(matrix_at(np.zeros(6)), HOME, atol=1e-9)


def test_published_sleep_and_upright_poses():
    sleep, _ = end_effector_pose(REST_JOINTS)
    np.testing.assert_allclose(sleep, [0.1227, 0.0, 0.0813], atol=1e-4)
    upright, _ = end_effector_pose([0, 0, -np.pi / 2, 0, 0, 0])
    np.testing.assert_allclose(upright, [0.0497, 0.0, 0.7692], atol=1e-4)


def test_turns_by_hand():
    # Waist a quarter turn to the left.
    position, _ = end_effector_pose([np.pi / 2, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(position, [0.0, 0.458325, 0.36065], atol=1e-9)
    # Wrist a quarter turn down: the hand hangs from the wrist at x = 0.29975.
    position, rotation = end_effector_pose([0, 0, 0, 0, np.pi / 2, 0])
    np.testing.assert_allclose(position, [0.29975, 0.0, 0.36065 - 0.158575], atol=1e-9)
    np.testing.assert_allclose(rotation[:, 0], [0, 0, -1], atol=1e-9)
    # Then turned about itself: what pointed left now points forward.
    _, rotation = end_effector_pose([0, 0, 0, 0, np.pi / 2, np.pi / 2])
    np.testing.assert_allclose(rotation[:, 1], [1, 0, 0], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(angles)
def test_is_the_product_of_the_published_screws(joints):
    np.testing.assert_allclose(matrix_at(joints), published_pose(joints), atol=1e-6)


def test_it_takes_six_joints():
    with pytest.raises(ValueError, match='zip'):
        end_effector_pose([0.0] * 7)
