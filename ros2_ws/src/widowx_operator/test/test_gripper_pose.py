# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_operator.arm_kinematics import gripper_pose, JOINTS, JointStateError


def pose_at(*angles):
    return gripper_pose(list(JOINTS), angles)


def test_stretched_arm_by_the_published_home_pose():
    pose = pose_at(0, 0, 0, 0, 0, 0)
    np.testing.assert_allclose(pose.position, [0.458325, 0.0, 0.36065], atol=1e-9)
    np.testing.assert_allclose(pose.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(pose.fingertip, [0.474325, 0.0, 0.36065], atol=1e-9)


def test_turns_by_hand():
    # Waist a quarter turn to the left.
    pose = pose_at(np.pi / 2, 0, 0, 0, 0, 0)
    np.testing.assert_allclose(pose.position, [0.0, 0.458325, 0.36065], atol=1e-9)
    # Wrist a quarter turn down: the hand hangs from the wrist at x = 0.29975.
    pose = pose_at(0, 0, 0, 0, np.pi / 2, 0)
    np.testing.assert_allclose(pose.position, [0.29975, 0.0, 0.36065 - 0.158575], atol=1e-9)
    np.testing.assert_allclose(pose.fingertip - pose.position, [0, 0, -0.016], atol=1e-9)
    # Then turned about itself: what pointed left now points forward.
    pose = pose_at(0, 0, 0, 0, np.pi / 2, np.pi / 2)
    np.testing.assert_allclose(pose.rotation[:, 1], [1, 0, 0], atol=1e-9)


def test_same_as_the_driver():
    kinematics = pytest.importorskip('widowx_driver.arm.kinematics', reason='no driver here')
    forward = kinematics.ForwardKinematics()
    random = np.random.default_rng(0)
    for angles in random.uniform(-1.5, 1.5, (20, 6)):
        expected = forward.pose(angles)
        pose = pose_at(*angles)
        np.testing.assert_allclose(pose.position, expected.position, atol=1e-9)
        np.testing.assert_allclose(pose.rotation, expected.rotation, atol=1e-9)


@pytest.mark.parametrize('angle', [float('nan'), -np.pi])
def test_failed_reads_are_named(angle):
    with pytest.raises(JointStateError, match=r'elbow is .*failed read'):
        pose_at(0, 0, angle, 0, 0, 0)


def test_missing_joint_is_named():
    with pytest.raises(JointStateError, match='wrist_rotate is missing'):
        gripper_pose(list(JOINTS)[:5], [0.0] * 5)
