# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_description.arm import JOINT_NAMES
from widowx_driver.arm.state import read_arm_state

NAMES = [*JOINT_NAMES, 'gripper', 'left_finger', 'right_finger']
SLEEP = [0.0, -1.80, 1.55, 0.0, 0.8, 0.0, 0.1, 0.02, -0.02]


def reading(**changes):
    values = dict(zip(NAMES, SLEEP, strict=True)) | changes
    return read_arm_state(1.0, list(values), list(values.values()))


def test_picks_joints_by_name_in_any_order():
    order = np.random.default_rng(0).permutation(len(NAMES))
    state = read_arm_state(1.0, [NAMES[i] for i in order], [SLEEP[i] for i in order])
    assert state.fault == ''
    assert np.array_equal(state.joint_positions, SLEEP[:6])
    assert state.finger_m == 0.02


@pytest.mark.parametrize('name', [*JOINT_NAMES, 'gripper', 'left_finger'])
@pytest.mark.parametrize('value', [-np.pi, float(np.float32(-np.pi)), np.nan, np.inf])
def test_a_failed_bus_read_is_named(name, value):
    assert f'{name} is' in reading(**{name: value}).fault
    assert 'failed bus read' in reading(**{name: value}).fault


@pytest.mark.parametrize('name', [*JOINT_NAMES, 'left_finger'])
def test_a_missing_joint_is_named(name):
    values = dict(zip(NAMES, SLEEP, strict=True))
    del values[name]
    state = read_arm_state(1.0, list(values), list(values.values()))
    assert f'{name} is missing' in state.fault


def test_a_message_with_fewer_positions_than_names_is_a_missing_joint():
    assert 'wrist_rotate is missing' in read_arm_state(1.0, NAMES, SLEEP[:5]).fault


def test_a_joint_outside_its_travel_is_named():
    assert 'elbow is 2.500 rad, outside its travel' in reading(elbow=2.5).fault


def test_a_gripper_joint_need_not_be_reported():
    names = [*JOINT_NAMES, 'left_finger']
    assert read_arm_state(1.0, names, [*SLEEP[:6], 0.02]).fault == ''
