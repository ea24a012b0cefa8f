# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_description.arm import joint_limits
from widowx_driver.arm.kinematics import (
    forward_kinematics,
    InverseKinematics,
    InverseKinematicsError,
)
from widowx_driver.arm.pose import (
    join_tilt_and_yaw,
    Pose,
    rotation_angle,
    rotation_from_vector,
    STRAIGHT_DOWN,
)

MARGIN_RAD = 0.05
LOWER, UPPER = joint_limits(MARGIN_RAD)


@pytest.fixture(scope='module')
def inverse():
    return InverseKinematics(MARGIN_RAD)


def test_inverse_kinematics_follows_a_random_walk_of_steps(inverse):
    rng = np.random.default_rng(7)
    position, tilt, yaw = np.array([0.28, 0.02, 0.15]), np.zeros(3), 0.0
    joints = inverse.solve_cold(Pose(position=position, rotation=STRAIGHT_DOWN))
    for _ in range(200):
        position = np.clip(
            position + rng.uniform(-0.05, 0.05, 3), [0.18, -0.22, 0.03], [0.36, 0.26, 0.18]
        )
        tilt = np.clip(tilt + rng.uniform(-0.1, 0.1, 3) * [1, 1, 0], -0.2, 0.2)
        yaw = float(np.clip(yaw + rng.uniform(-0.25, 0.25), -0.57, 0.57))
        pose = Pose(position=position, rotation=join_tilt_and_yaw(tilt, yaw))
        joints = inverse.solve(pose, joints)
        reached = forward_kinematics(joints)
        assert np.linalg.norm(reached.position - position) < 1e-4
        assert rotation_angle(reached.rotation, pose.rotation) < 1e-3
        assert np.all(joints >= LOWER)
        assert np.all(joints <= UPPER)


def test_inverse_kinematics_inverts_forward_kinematics_to_a_millionth():
    precise = InverseKinematics(MARGIN_RAD, 1e-8, 1e-8)
    rng = np.random.default_rng(3)
    for _ in range(50):
        joints = np.array([0.1, -0.2, 0.4, 0.1, 1.3, 0.2]) + rng.uniform(-0.3, 0.3, 6)
        found = precise.solve(forward_kinematics(joints), joints + rng.uniform(-0.1, 0.1, 6))
        assert np.allclose(found, joints, atol=1e-6)


@pytest.mark.parametrize('position', [[0.9, 0.0, 0.2], [0.3, 0.0, 0.9], [0.3, 0.0, -0.5]])
def test_a_pose_out_of_reach_is_a_named_failure(inverse, position):
    pose = Pose(position=np.array(position), rotation=STRAIGHT_DOWN)
    with pytest.raises(InverseKinematicsError, match=f'{position[0]:.3f}.*choose a pose'):
        inverse.solve_cold(pose)


def test_a_solution_outside_the_joint_margin_is_not_returned(inverse):
    joints = np.array([0.0, -0.2, 0.4, 0.0, UPPER[4] + 0.03, 0.0])
    with pytest.raises(InverseKinematicsError):
        inverse.solve(forward_kinematics(joints), joints)


def test_a_start_outside_the_limits_is_no_trouble(inverse):
    pose = Pose(position=np.array([0.28, 0.0, 0.15]), rotation=STRAIGHT_DOWN)
    joints = inverse.solve(pose, np.array([0.0, 0.0, 0.2, 0.0, 9.0, 0.0]))
    assert np.allclose(forward_kinematics(joints).position, pose.position, atol=1e-4)


def test_turning_the_gripper_only_turns_the_wrist(inverse):
    pose = Pose(position=np.array([0.3, 0.0, 0.1]), rotation=STRAIGHT_DOWN)
    joints = inverse.solve_cold(pose)
    turn = rotation_from_vector(np.array([0.0, 0.0, 0.2]))
    turned = inverse.solve(Pose(position=pose.position, rotation=turn @ STRAIGHT_DOWN), joints)
    assert np.allclose(turned[:5], joints[:5], atol=1e-3)
    assert np.isclose(abs(turned[5] - joints[5]), 0.2, atol=1e-3)
