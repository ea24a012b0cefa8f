# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_sim import servo_bus
from widowx_sim.command_error import CommandError
from widowx_sim.time_profile import TimeProfile


@pytest.fixture
def profile():
    return TimeProfile(np.zeros(7), np.ones(7), np.full(7, 0.2), np.full(7, 0.06))


def test_operating_mode_sets_the_profile_of_the_group_only(profile):
    servo_bus.set_operating_mode(profile, 'group', 'arm', 'position', 'time', 250, 100)
    assert servo_bus.read_register(profile, 'group', 'all', 'Profile_Velocity') == [250] * 6 + [
        200
    ]
    assert servo_bus.read_register(profile, 'group', 'arm', 'Profile_Acceleration') == [100] * 6


def test_register_of_one_motor(profile):
    servo_bus.write_register(profile, 'single', 'gripper', 'Profile_Velocity', 400)
    assert servo_bus.read_register(profile, 'single', 'gripper', 'Profile_Velocity') == [400]
    assert profile.durations_s[6] == pytest.approx(0.4)


def test_info_of_arm_gripper_and_all():
    arm = servo_bus.robot_info('group', 'arm')
    assert arm.joint_ids == [1, 2, 4, 6, 7, 8]
    assert arm.lower_limits[1] == pytest.approx(-1.88496)
    gripper = servo_bus.robot_info('single', 'gripper')
    assert (gripper.mode, gripper.joint_names) == ('linear_position', ['left_finger'])
    assert (gripper.lower_limits, gripper.upper_limits) == ([0.010], [0.037])
    assert servo_bus.robot_info('group', 'all').names == ['arm', 'all']


@pytest.mark.parametrize(
    ('cmd_type', 'name'), [('group', 'legs'), ('single', 'arm'), ('both', 'arm')]
)
def test_unknown_names_are_refused_by_name(cmd_type, name):
    with pytest.raises(CommandError, match=f'{cmd_type!r}|{name!r}'):
        servo_bus.select_motors(cmd_type, name)


def test_unknown_register_mode_profile_and_value_are_named(profile):
    with pytest.raises(CommandError, match='Goal_PWM'):
        servo_bus.read_register(profile, 'group', 'arm', 'Goal_PWM')
    with pytest.raises(CommandError, match='pwm'):
        servo_bus.set_operating_mode(profile, 'single', 'gripper', 'pwm', 'time', 200, 60)
    with pytest.raises(CommandError, match='velocity'):
        servo_bus.set_operating_mode(profile, 'group', 'arm', 'position', 'velocity', 200, 60)
    with pytest.raises(CommandError, match='-5'):
        servo_bus.write_register(profile, 'group', 'arm', 'Profile_Velocity', -5)
    assert servo_bus.read_register(profile, 'group', 'all', 'Profile_Velocity') == [200] * 7
