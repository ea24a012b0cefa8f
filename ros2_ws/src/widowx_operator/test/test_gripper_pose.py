# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_description.arm import JOINT_NAMES
from widowx_description.finger import FINGERTIP_M
from widowx_operator.gripper_pose import gripper_pose, JointStateError


def pose_at(*angles):
    return gripper_pose(JOINT_NAMES, angles)


def test_names_come_in_any_order_and_with_others():
    names = ['left_finger', *reversed(JOINT_NAMES)]
    pose = gripper_pose(names, [0.02, 0, np.pi / 2, 0, 0, 0, 0])
    np.testing.assert_allclose(pose.position, [0.29975, 0.0, 0.36065 - 0.158575], atol=1e-9)


def test_the_fingertip_lies_ahead_of_the_gripper():
    pose = pose_at(0, 0, 0, 0, 0, 0)
    np.testing.assert_allclose(pose.fingertip - pose.position, [FINGERTIP_M, 0, 0], atol=1e-9)
    pose = pose_at(0, 0, 0, 0, np.pi / 2, 0)
    np.testing.assert_allclose(pose.fingertip - pose.position, [0, 0, -FINGERTIP_M], atol=1e-9)


@pytest.mark.parametrize('angle', [float('nan'), -np.pi])
def test_failed_reads_are_named(angle):
    with pytest.raises(JointStateError, match=r'elbow is .*failed read'):
        pose_at(0, 0, angle, 0, 0, 0)


def test_missing_joint_is_named():
    with pytest.raises(JointStateError, match='wrist_rotate is missing'):
        gripper_pose(JOINT_NAMES[:5], [0.0] * 5)
