# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest
import yaml

from parl_files.config_file import ConfigError
from widowx_driver.arm.kinematics import InverseKinematics
from widowx_driver.arm.pose import join_tilt_and_yaw, Pose, STRAIGHT_DOWN
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import load_driver_task
from widowx_driver.safety.shell import SafetyShell


def changed(task_file, section, key, value):
    content = yaml.safe_load(task_file.read_text(encoding='utf-8'))
    target = content if section is None else content[section]
    if value is None:
        del target[key]
    else:
        target[key] = value
    task_file.write_text(yaml.safe_dump(content), encoding='utf-8')
    return task_file


def test_reads_its_sections(task):
    assert task.base_frame == 'wx250s/base_link'
    assert task.control_period_s == 0.2
    assert np.array_equal(task.start_pose.position, [0.28, 0.02, 0.18])
    assert np.array_equal(task.start_pose.rotation, STRAIGHT_DOWN)
    assert task.workspace.max_tilt == 0.30


def test_the_shipped_task_has_a_start_the_arm_reaches(shipped_task):
    shell = SafetyShell(DriverConfig(), load_driver_task(shipped_task))
    assert shell.start_command.joint_positions.shape == (6,)


@pytest.mark.parametrize('yaw', [-1.0, 0.0, 1.0])
def test_every_corner_of_the_shipped_workspace_is_within_reach(shipped_task, yaw):
    task = load_driver_task(shipped_task)
    box, inverse = task.workspace, InverseKinematics(DriverConfig().joint_margin_rad)
    for corner in itertools.product(*zip(box.low, box.high, strict=True)):
        rotation = join_tilt_and_yaw(np.zeros(3), yaw * box.max_yaw)
        joints = inverse.solve_cold(Pose(position=np.array(corner), rotation=rotation))
        assert joints.shape == (6,)


@pytest.mark.parametrize(
    ('section', 'key', 'value', 'message'),
    [
        (None, 'start', None, 'start is missing'),
        (None, 'robot', 5, 'robot is 5'),
        (None, 'control_rate_hz', 0.0, 'control_rate_hz is 0.0; give a number in 0.1..100'),
        ('start', 'position', None, 'start.position is missing'),
        ('start', 'colour', 'red', 'start.colour is unknown'),
        ('start', 'position', [0.28, 0.02], 'start.position is .*; give a list of 3 numbers'),
        ('start', 'position', [0.28, 0.02, 0.9], 'start lies outside workspace'),
        ('start', 'gripper', 1.5, 'start.gripper is 1.5'),
        ('workspace', 'max_tilt', 'wide', 'workspace.max_tilt is .wide.'),
        ('workspace', 'low', [0.5, 0.0, 0.0], 'low must be below'),
    ],
)
def test_wrong_files_are_named_with_key_and_remedy(task_file, section, key, value, message):
    changed(task_file, section, key, value)
    with pytest.raises(ConfigError, match=message) as error:
        load_driver_task(task_file)
    assert str(task_file) in str(error.value)


def test_configuration_names_field_and_remedy():
    with pytest.raises(ValueError, match=r'max_joint_step_rad is -1\.0; give a positive'):
        DriverConfig(max_joint_step_rad=-1.0)
    with pytest.raises(ValueError, match='profile_acceleration_ms is 150; give at most half'):
        DriverConfig(profile_acceleration_ms=150)
