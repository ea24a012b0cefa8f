# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_sim.servos.bus import REBOOT_S, ServoBus, TRANSACTION_S
from widowx_sim.servos.command_error import CommandError
from widowx_sim.servos.motor_selection import robot_info, select_motors
from widowx_sim.station.faults import StationFaults
from widowx_sim.station.station import Station

ARM, ALL = ('group', 'arm'), ('group', 'all')


@pytest.fixture
def arm(task):
    station = Station(task)
    yield station
    station.close()


@pytest.fixture
def bus(arm):
    return ServoBus(arm)


def joints(arm):
    return arm.joint_state().position


def test_operating_mode_sets_the_profile_of_the_group_only(bus):
    bus.set_operating_mode(*ARM, 'position', 'time', 250, 100)
    assert bus.read(*ALL, 'Profile_Velocity') == [250] * 6 + [200]
    assert bus.read(*ARM, 'Profile_Acceleration') == [100] * 6
    assert bus.mode_of(*ARM) == ('position', 'time')


def test_a_velocity_profile_is_in_the_manufacturers_units(bus, arm):
    # 131 x 0.229 rpm = pi rad/s; 25 x 214.577 rev/min^2 = 9.36 rad/s^2.
    bus.set_operating_mode(*ARM, 'position', 'velocity', 131, 25)
    assert bus.mode_of(*ARM) == ('position', 'velocity')
    assert bus.read('single', 'waist', 'Profile_Velocity') == [131]
    assert arm.profile.speeds[0] == pytest.approx(np.pi, rel=1e-3)
    assert arm.profile.slopes[0] == pytest.approx(9.363, rel=1e-3)
    goal = arm.start_joints + np.array([1.0, 0, 0, 0, 0, 0])
    arm.command_arm(goal)
    # A triangle of 2 sqrt(1 / 9.363) = 0.654 s, peak 3.06 rad/s at its middle.
    arm.advance(0.327)
    assert arm.profile.positions[0] - arm.start_joints[0] == pytest.approx(0.5, abs=0.01)
    arm.advance(0.34)
    assert arm.profile.positions[0] == goal[0]


def test_info_of_arm_gripper_and_all(bus):
    info = robot_info(*ARM)
    assert info.joint_ids == [1, 2, 4, 6, 7, 8]
    assert info.lower_limits[1] == pytest.approx(-1.88496)
    gripper = robot_info('single', 'gripper')
    assert gripper.joint_names == ['left_finger']
    assert (gripper.lower_limits, gripper.upper_limits) == ([0.015], [0.037])
    # sqrt(24^2 - 14^2) mm: the finger with the servo at zero.
    assert gripper.sleep_positions == pytest.approx([0.019494], abs=1e-6)
    assert bus.mode_of('single', 'gripper') == ('linear_position', 'time')
    assert robot_info(*ALL).names == ['arm', 'all']


@pytest.mark.parametrize(
    ('cmd_type', 'name'), [('group', 'legs'), ('single', 'arm'), ('both', 'arm')]
)
def test_unknown_names_are_refused_by_name(cmd_type, name):
    with pytest.raises(CommandError, match=f'{cmd_type!r}|{name!r}'):
        select_motors(cmd_type, name)


def test_unknown_register_mode_profile_and_value_are_named(bus):
    with pytest.raises(CommandError, match='Goal_Luck'):
        bus.read(*ARM, 'Goal_Luck')
    with pytest.raises(CommandError, match='read-only'):
        bus.write(*ARM, 'Present_Position', 3)
    with pytest.raises(CommandError, match="wrist_rotate mode is 'current'"):
        bus.set_operating_mode(*ARM, 'current', 'time', 200, 60)
    with pytest.raises(CommandError, match='fast'):
        bus.set_operating_mode(*ARM, 'position', 'fast', 200, 60)
    with pytest.raises(CommandError, match='-5'):
        bus.write(*ARM, 'Profile_Velocity', -5)
    assert bus.read(*ALL, 'Profile_Velocity') == [200] * 7


def test_registers_tell_what_the_motor_file_and_the_joints_say(bus, arm):
    assert bus.read(*ALL, 'ID') == [1, 2, 4, 6, 7, 8, 9]
    assert bus.read(*ARM, 'Min_Position_Limit') == [0, 819, 648, 0, 910, 0]
    assert bus.read('single', 'wrist_angle', 'Drive_Mode') == [5]
    ticks = bus.read(*ALL, 'Present_Position')
    np.testing.assert_allclose(
        (np.array(ticks) - 2048) * 2 * np.pi / 4096, joints(arm)[:7], atol=8e-4
    )
    assert bus.read('single', 'gripper', 'Present_Temperature') == [32]


def test_torque_off_drops_the_arm_and_torque_on_holds_it_where_it_is(bus, arm):
    before = arm.end_effector_pose()[2, 3]
    bus.torque_enable(*ARM, False)
    assert bus.read(*ARM, 'Torque_Enable') == [0] * 6
    arm.advance(0.5)
    assert arm.end_effector_pose()[2, 3] < before - 0.05
    np.testing.assert_array_equal(arm.joint_state().effort[:6], 0.0)
    bus.torque_enable(*ARM, True)
    caught = joints(arm)[:6]
    arm.advance(0.5)
    np.testing.assert_allclose(joints(arm)[:6], caught, atol=0.1)


def test_a_limp_servo_ignores_goals_and_the_others_obey(bus, arm):
    bus.torque_enable('single', 'wrist_rotate', False)
    arm.command_arm(arm.start_joints + 0.1)
    arm.advance(0.4)
    moved = joints(arm)[:6] - arm.start_joints
    np.testing.assert_allclose(moved[:5], 0.1, atol=0.01)
    assert abs(moved[5]) < 0.05


def test_changing_the_mode_lets_the_arm_sag_while_the_bus_is_busy(arm):
    waited = []

    def wait(seconds):
        waited.append(seconds)
        arm.advance(seconds)

    height = arm.end_effector_pose()[2, 3]
    ServoBus(arm, wait).set_operating_mode(*ARM, 'position', 'time', 200, 100)
    # Six joints, one after the other: torque off, four writes; torque on.
    assert waited == pytest.approx([5 * TRANSACTION_S, TRANSACTION_S] * 6)
    assert 2e-4 < height - arm.end_effector_pose()[2, 3] < 0.02


def test_a_groups_mode_is_what_was_set_by_its_name_and_its_motors_may_differ(bus):
    assert bus.mode_of(*ALL) == ('position', 'velocity')  # nobody ever sets it
    bus.set_operating_mode('single', 'waist', 'pwm', 'velocity', 0, 0)
    assert bus.mode_of('single', 'waist') == ('pwm', 'velocity')
    assert bus.mode_of(*ARM) == ('position', 'time')
    assert bus.read(*ARM, 'Operating_Mode') == [16, 3, 3, 3, 3, 3]


def test_an_overload_drops_one_servo_until_a_smart_reboot_which_forgets_the_profile(bus, arm):
    faults = StationFaults(arm.servos)
    before = joints(arm)[:6]
    faults.inject('overload', 'elbow', 0.0, arm.time_s)
    arm.advance(1.0)
    after = joints(arm)[:6]
    assert bus.read(*ALL, 'Hardware_Error_Status') == [0, 0, 32, 0, 0, 0, 0]
    assert abs(after[2] - before[2]) > 0.3
    np.testing.assert_allclose(after[[0, 3, 5]], before[[0, 3, 5]], atol=0.02)
    bus.torque_enable(*ARM, True)
    assert bus.read(*ARM, 'Torque_Enable') == [1, 1, 0, 1, 1, 1]
    bus.reboot(*ALL, True, True)
    assert bus.read(*ALL, 'Hardware_Error_Status') == [0] * 7
    assert bus.read(*ALL, 'Torque_Enable') == [1] * 7
    assert bus.read(*ALL, 'Profile_Velocity') == [200, 200, 0, 200, 200, 200, 200]


def test_a_reboot_takes_time_in_which_nothing_holds(arm):
    waited = []
    bus = ServoBus(arm, waited.append)
    bus.reboot(*ALL, True, True)
    assert waited == []
    bus.reboot('single', 'elbow', False, True)
    assert waited == [REBOOT_S]
    assert bus.read('single', 'elbow', 'Torque_Enable') == [0]
    waited.clear()
    bus.reboot(*ARM, True, False)
    assert waited == [1.0] * 6 + [TRANSACTION_S] * 6  # one after the other, and torque on
    waited.clear()
    bus.is_cut = True
    bus.reboot(*ALL, True, True)
    assert waited == [1.0] * 7  # who cannot be read is taken for troubled


def test_a_list_ends_before_the_first_motor_that_does_not_answer(bus, arm):
    faults = StationFaults(arm.servos)
    faults.inject('no_answer', 'wrist_angle', 0.0, arm.time_s)
    assert bus.read(*ALL, 'ID') == [1, 2, 4, 6]
    assert faults.is_read_failing(arm.time_s)
    bus.reboot(*ALL, True, True)
    assert len(bus.read(*ALL, 'Present_Temperature')) == 7
    bus.is_cut = True
    assert bus.read(*ALL, 'Present_Temperature') == []


def test_two_small_motors_have_a_load_and_no_current_and_report_it_as_one(bus, arm):
    assert len(bus.read(*ALL, 'Present_Current')) == 5
    assert bus.read(*ALL, 'Present_Load') == []
    bus.set_operating_mode('single', 'gripper', 'pwm', 'velocity', 0, 0)
    arm.servos.command([6], np.array([-250.0]))
    arm.advance(2.0)
    load = bus.read('single', 'gripper', 'Present_Load')[0]
    assert load < -10
    assert arm.joint_state().effort[6] == pytest.approx(2.69 * load, abs=1.4)


def test_linear_position_is_the_gap_between_the_fingers(arm):
    arm.servos.command([6], np.array([0.050]))
    arm.advance(1.0)
    assert joints(arm)[7:] == pytest.approx([0.025, -0.025], abs=5e-4)
    # Beyond both dead points of its crank the driver has no angle to send.
    for gap_m in (0.0199, 0.0761):
        with pytest.raises(CommandError, match='gripper command is'):
            arm.servos.command([6], np.array([gap_m]))


def test_the_pwm_gripper_stops_on_the_cup_and_at_its_stops(bus, arm):
    bus.set_operating_mode('single', 'gripper', 'pwm', 'velocity', 0, 0)
    arm.servos.command([6], np.array([-80.0]))
    arm.advance(1.0)
    assert joints(arm)[7] == pytest.approx(0.037, abs=5e-4)  # gear friction
    arm.servos.command([6], np.array([-250.0]))
    arm.advance(3.0)
    assert joints(arm)[7] == pytest.approx(0.010, abs=5e-4)
    arm.servos.command([6], np.array([250.0]))
    arm.advance(3.0)
    assert joints(arm)[7] == pytest.approx(0.037, abs=5e-4)


def test_pwm_left_on_overloads_the_gripper_and_a_holding_pwm_does_not(bus, arm):
    bus.set_operating_mode('single', 'gripper', 'pwm', 'velocity', 0, 0)
    arm.servos.command([6], np.array([-200.0]))
    arm.advance(8.0)
    assert bus.read('single', 'gripper', 'Hardware_Error_Status') == [0]
    arm.servos.command([6], np.array([-350.0]))
    arm.advance(5.5)
    assert bus.read('single', 'gripper', 'Hardware_Error_Status') == [32]
    assert bus.read('single', 'gripper', 'Torque_Enable') == [0]


def test_velocity_and_current_modes_move_a_joint(bus, arm):
    waist = ('single', 'waist')
    bus.set_operating_mode(*waist, 'velocity', 'velocity', 0, 0)
    arm.servos.command([0], np.array([0.5]))
    before = joints(arm)[0]
    arm.advance(1.0)
    assert joints(arm)[0] - before == pytest.approx(0.5, abs=0.05)
    bus.set_operating_mode(*waist, 'current', 'velocity', 0, 0)
    arm.servos.command([0], np.array([400.0]))
    before = joints(arm)[0]
    arm.advance(0.3)
    assert joints(arm)[0] - before > 0.1
    # 1.793 N m per A.
    assert arm.joint_state().effort[0] == pytest.approx(400.0, abs=2.0)


def test_gains_are_written_and_soften_the_servo(bus):
    bus.set_gains('single', 'waist', (400, 1, 2, 3, 4, 5, 6))
    names = ('Position_P_Gain', 'Position_I_Gain', 'Position_D_Gain', 'Velocity_I_Gain')
    assert [bus.read('single', 'waist', name)[0] for name in names] == [400, 1, 2, 6]


def test_faults_are_named(arm):
    faults = StationFaults(arm.servos)
    with pytest.raises(CommandError, match="fault is 'rust'"):
        faults.inject('rust', '', 1.0, 0.0)
    with pytest.raises(CommandError, match='duration is 0'):
        faults.inject('serial_dropout', '', 0.0, 0.0)
    with pytest.raises(CommandError, match="'leg' is unknown"):
        faults.inject('overload', 'leg', 0.0, 0.0)
    assert faults.inject('camera_gone', '', 1.0, 5.0) == 'camera_gone for 1 s'
    assert faults.is_active('camera_gone', 5.99)
    assert not faults.is_active('camera_gone', 6.0)
