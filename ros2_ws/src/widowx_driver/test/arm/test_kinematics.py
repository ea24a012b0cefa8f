# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from widowx_driver.arm.kinematics import (
    ForwardKinematics,
    InverseKinematics,
    InverseKinematicsError,
)
from widowx_driver.arm.model import joint_limits
from widowx_driver.arm.pose import (
    join_tilt_and_yaw,
    Pose,
    rotation_angle,
    rotation_from_vector,
    STRAIGHT_DOWN,
)

# Modern-Robotics description of the wx250s, as the manufacturer publishes it.
HOME = np.array([[1, 0, 0, 0.458325], [0, 1, 0, 0], [0, 0, 1, 0.36065], [0, 0, 0, 1.0]])
SPACE_SCREWS = np.array(
    [
        [0, 0, 1, 0, 0, 0],
        [0, 1, 0, -0.11065, 0, 0],
        [0, 1, 0, -0.36065, 0, 0.04975],
        [1, 0, 0, 0, 0.36065, 0],
        [0, 1, 0, -0.36065, 0, 0.29975],
        [1, 0, 0, 0, 0.36065, 0],
    ]
)
MARGIN_RAD = 0.05
LOWER, UPPER = joint_limits(MARGIN_RAD)

joint_positions = st.tuples(
    *[st.floats(low, high) for low, high in zip(LOWER, UPPER, strict=True)]
).map(np.array)


def product_of_exponentials(joints):
    """Independent forward kinematics: exp([S1] q1) ... exp([S6] q6) M."""
    transform = np.eye(4)
    for screw, angle in zip(SPACE_SCREWS, joints, strict=True):
        omega, v = screw[:3], screw[3:]
        skew = np.array(
            [[0, -omega[2], omega[1]], [omega[2], 0, -omega[0]], [-omega[1], omega[0], 0]]
        )
        sine, cosine = np.sin(angle), np.cos(angle)
        step = np.eye(4)
        step[:3, :3] = np.eye(3) + sine * skew + (1 - cosine) * skew @ skew
        step[:3, 3] = (np.eye(3) * angle + (1 - cosine) * skew + (angle - sine) * skew @ skew) @ v
        transform = transform @ step
    return transform @ HOME


@pytest.fixture(scope='module')
def forward():
    return ForwardKinematics()


@pytest.fixture(scope='module')
def inverse():
    return InverseKinematics(MARGIN_RAD)


def test_home_pose_is_the_published_matrix(forward):
    assert np.allclose(forward.pose(np.zeros(6)).matrix(), HOME, atol=1e-6)


def test_published_sleep_and_upright_poses(forward):
    sleep = forward.pose(np.array([0, -1.80, 1.55, 0, 0.8, 0]))
    assert np.allclose(sleep.position, [0.1227, 0.0, 0.0813], atol=1e-4)
    upright = forward.pose(np.array([0, 0, -np.pi / 2, 0, 0, 0]))
    assert np.allclose(upright.position, [0.0497, 0.0, 0.7692], atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(joint_positions)
def test_forward_kinematics_is_the_product_of_published_screws(joints):
    assert np.allclose(
        ForwardKinematics().pose(joints).matrix(), product_of_exponentials(joints), atol=1e-6
    )


def test_inverse_kinematics_follows_a_random_walk_of_steps(forward, inverse):
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
        reached = forward.pose(joints)
        assert np.linalg.norm(reached.position - position) < 1e-4
        assert rotation_angle(reached.rotation, pose.rotation) < 1e-3
        assert np.all(joints >= LOWER)
        assert np.all(joints <= UPPER)


def test_inverse_kinematics_inverts_forward_kinematics_to_a_millionth(forward):
    precise = InverseKinematics(MARGIN_RAD, 1e-8, 1e-8)
    rng = np.random.default_rng(3)
    for _ in range(50):
        joints = np.array([0.1, -0.2, 0.4, 0.1, 1.3, 0.2]) + rng.uniform(-0.3, 0.3, 6)
        found = precise.solve(forward.pose(joints), joints + rng.uniform(-0.1, 0.1, 6))
        assert np.allclose(found, joints, atol=1e-6)


@pytest.mark.parametrize('position', [[0.9, 0.0, 0.2], [0.3, 0.0, 0.9], [0.3, 0.0, -0.5]])
def test_a_pose_out_of_reach_is_a_named_failure(inverse, position):
    pose = Pose(position=np.array(position), rotation=STRAIGHT_DOWN)
    with pytest.raises(InverseKinematicsError, match=f'{position[0]:.3f}.*choose a pose'):
        inverse.solve_cold(pose)


def test_a_solution_outside_the_joint_margin_is_not_returned(forward, inverse):
    joints = np.array([0.0, -0.2, 0.4, 0.0, UPPER[4] + 0.03, 0.0])
    with pytest.raises(InverseKinematicsError):
        inverse.solve(forward.pose(joints), joints)


def test_a_start_outside_the_limits_is_no_trouble(forward, inverse):
    pose = Pose(position=np.array([0.28, 0.0, 0.15]), rotation=STRAIGHT_DOWN)
    joints = inverse.solve(pose, np.array([0.0, 0.0, 0.2, 0.0, 9.0, 0.0]))
    assert np.allclose(forward.pose(joints).position, pose.position, atol=1e-4)


def test_turning_the_gripper_only_turns_the_wrist(inverse):
    pose = Pose(position=np.array([0.3, 0.0, 0.1]), rotation=STRAIGHT_DOWN)
    joints = inverse.solve_cold(pose)
    turn = rotation_from_vector(np.array([0.0, 0.0, 0.2]))
    turned = inverse.solve(Pose(position=pose.position, rotation=turn @ STRAIGHT_DOWN), joints)
    assert np.allclose(turned[:5], joints[:5], atol=1e-3)
    assert np.isclose(abs(turned[5] - joints[5]), 0.2, atol=1e-3)
