# SPDX-License-Identifier: Apache-2.0
import mujoco
import numpy as np
import pytest

from parl_files.config_file import ConfigError
from widowx_sim.scene.scene import build_model
from widowx_sim.scene.start_pose import solve_arm_positions, start_rotation, STRAIGHT_DOWN
from widowx_sim.servos import wx250s

# Vendor's description for the product of exponentials (space frame, angular part first).
_HOME = np.array([[1, 0, 0, 0.458325], [0, 1, 0, 0], [0, 0, 1, 0.36065], [0, 0, 0, 1.0]])
_SCREWS = np.array(
    [
        [0, 0, 1, 0, 0, 0],
        [0, 1, 0, -0.11065, 0, 0],
        [0, 1, 0, -0.36065, 0, 0.04975],
        [1, 0, 0, 0, 0.36065, 0],
        [0, 1, 0, -0.36065, 0, 0.29975],
        [1, 0, 0, 0, 0.36065, 0],
    ]
)


def _exponential(screw, angle):
    axis, linear = screw[:3], screw[3:]
    cross = np.array(
        [[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]], dtype=float
    )
    square = cross @ cross
    result = np.eye(4)
    result[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * square
    along = np.eye(3) * angle + (1 - np.cos(angle)) * cross + (angle - np.sin(angle)) * square
    result[:3, 3] = along @ linear
    return result


def _product_of_exponentials(joints):
    pose = np.eye(4)
    for screw, angle in zip(_SCREWS, joints, strict=True):
        pose = pose @ _exponential(screw, angle)
    return pose @ _HOME


def _forward(model, joints):
    data = mujoco.MjData(model)
    data.qpos[:6] = joints
    mujoco.mj_kinematics(model, data)
    pose = np.eye(4)
    pose[:3, :3] = data.site('ee_gripper').xmat.reshape(3, 3)
    pose[:3, 3] = data.site('ee_gripper').xpos
    return pose


@pytest.fixture(scope='module')
def model(task):
    return build_model(task)


def test_home_pose_is_the_published_one(model):
    np.testing.assert_allclose(_forward(model, np.zeros(6)), _HOME, atol=1e-6)


def test_forward_kinematics_agree_with_the_published_screw_axes(model):
    random = np.random.default_rng(3)
    for _ in range(50):
        joints = random.uniform(wx250s.ARM_LOWER_RAD, wx250s.ARM_UPPER_RAD)
        np.testing.assert_allclose(
            _forward(model, joints), _product_of_exponentials(joints), atol=1e-6
        )


def test_sleep_pose_ends_where_the_vendor_says(model):
    position = _forward(model, wx250s.SLEEP_POSITIONS_RAD[:6])[:3, 3]
    np.testing.assert_allclose(position, [0.1227, 0, 0.0813], atol=5e-5)


def test_model_has_the_published_joints_and_limits(model):
    names = [model.joint(index).name for index in range(8)]
    assert names == [*wx250s.ARM_JOINTS, 'left_finger', 'right_finger']
    np.testing.assert_allclose(model.jnt_range[:6, 0], wx250s.ARM_LOWER_RAD, atol=1e-7)
    np.testing.assert_allclose(model.jnt_range[:6, 1], wx250s.ARM_UPPER_RAD, atol=1e-7)
    np.testing.assert_allclose(model.jnt_range[6], [0.010, 0.037])
    np.testing.assert_allclose(model.jnt_range[7], [-0.037, -0.010])


def test_arm_weighs_what_it_should(model):
    cup = model.body_mass[model.body('cup').id]
    rack = model.body_mass[model.body('rack').id]
    assert model.body_mass.sum() - cup - rack == pytest.approx(2.127, abs=0.02)


@pytest.mark.parametrize('position', [[0.28, 0.02, 0.18], [0.20, -0.2, 0.03], [0.38, 0.2, 0.05]])
def test_solved_joints_reach_the_pose(model, position):
    joints = solve_arm_positions(model, np.array(position), STRAIGHT_DOWN)
    pose = _forward(model, joints)
    np.testing.assert_allclose(pose[:3, 3], position, atol=2e-6)
    np.testing.assert_allclose(pose[:3, :3], STRAIGHT_DOWN, atol=5e-6)
    assert np.all(joints >= wx250s.ARM_LOWER_RAD)
    assert np.all(joints <= wx250s.ARM_UPPER_RAD)


def test_unreachable_start_is_named(model):
    with pytest.raises(ConfigError, match=r'reach \[0\.9, 0\.0, 0\.1\] m'):
        solve_arm_positions(model, np.array([0.9, 0.0, 0.1]), STRAIGHT_DOWN)


def test_start_yaw_turns_the_hand_about_the_vertical(task):
    start = task.start.__class__(position=(0.3, 0, 0.2), roll_pitch_yaw=(0, 0, 0.5), gripper=1.0)
    fingers = start_rotation(start)[:, 1]
    np.testing.assert_allclose(fingers, [-np.sin(0.5), np.cos(0.5), 0], atol=1e-12)


def test_horn_angle_of_published_finger_positions():
    for angle, finger in [(-np.pi / 2, 0.010), (0.0, 0.0195), (0.5, 0.0273), (1.0, 0.0346)]:
        assert wx250s.horn_angle(finger) == pytest.approx(angle, abs=0.01)
