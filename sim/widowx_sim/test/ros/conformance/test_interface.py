# SPDX-License-Identifier: Apache-2.0
"""Names, types and qualities of what an xs_sdk offers, and what it answers."""

from interbotix_xs_msgs.msg import (
    ArmJoy,
    JointGroupCommand,
    JointSingleCommand,
    JointTemps,
    JointTrajectoryCommand,
)
from interbotix_xs_msgs.srv import (
    MotorGains,
    OperatingModes,
    Reboot,
    RegisterValues,
    RobotInfo,
    TorqueEnable,
)
import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from xs_sdk_client import ALL, ARM, GRIPPER, JOINTS, NAMESPACE, SERVICES, sim_only, stamp_s, WRIST


def test_topics_and_services_have_their_names_types_and_qualities(client):
    services = dict(client.node.get_service_names_and_types())
    for name, kind in SERVICES.items():
        expected = f'interbotix_xs_msgs/srv/{kind.__name__}'
        assert services[f'{NAMESPACE}/{name}'] == [expected]
    for topic, kind in (
        ('joint_group', 'JointGroupCommand'),
        ('joint_single', 'JointSingleCommand'),
        ('joint_trajectory', 'JointTrajectoryCommand'),
    ):
        info = client.node.get_subscriptions_info_by_topic(f'{NAMESPACE}/commands/{topic}')
        assert info[0].topic_type == f'interbotix_xs_msgs/msg/{kind}'
        assert info[0].qos_profile.reliability == ReliabilityPolicy.RELIABLE
    (states,) = client.node.get_publishers_info_by_topic(f'{NAMESPACE}/joint_states')
    assert states.topic_type == 'sensor_msgs/msg/JointState'
    assert states.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    assert states.qos_profile.durability == DurabilityPolicy.VOLATILE


@pytest.mark.parametrize(
    ('message', 'fields'),
    [
        (JointGroupCommand, {'name': 'string', 'cmd': 'sequence<float>'}),
        (JointSingleCommand, {'name': 'string', 'cmd': 'float'}),
        (JointTrajectoryCommand, {'cmd_type': 'string', 'name': 'string',
                                  'traj': 'trajectory_msgs/JointTrajectory'}),
        (JointTemps, {'names': 'sequence<string>', 'temps': 'sequence<int32>'}),
        (TorqueEnable.Request, {'cmd_type': 'string', 'name': 'string', 'enable': 'boolean'}),
        (Reboot.Request, {'cmd_type': 'string', 'name': 'string', 'enable': 'boolean',
                          'smart_reboot': 'boolean'}),
        (OperatingModes.Request, {'cmd_type': 'string', 'name': 'string', 'mode': 'string',
                                  'profile_type': 'string', 'profile_velocity': 'int32',
                                  'profile_acceleration': 'int32'}),
        (MotorGains.Request, {'cmd_type': 'string', 'name': 'string',
                              **dict.fromkeys(('kp_pos', 'ki_pos', 'kd_pos', 'k1', 'k2', 'kp_vel',
                                               'ki_vel'), 'int32')}),
        (RegisterValues.Request, {'cmd_type': 'string', 'name': 'string', 'reg': 'string',
                                  'value': 'int32'}),
        (RegisterValues.Response, {'values': 'sequence<int32>'}),
        (RobotInfo.Response, {
            'mode': 'string', 'profile_type': 'string', 'joint_names': 'sequence<string>',
            'joint_ids': 'sequence<int16>', 'joint_lower_limits': 'sequence<float>',
            'joint_upper_limits': 'sequence<float>', 'joint_velocity_limits': 'sequence<float>',
            'joint_sleep_positions': 'sequence<float>', 'joint_state_indices': 'sequence<int16>',
            'num_joints': 'int16', 'name': 'sequence<string>'}),
    ],
)  # fmt: skip
def test_messages_have_their_fields(message, fields):
    assert message.get_fields_and_field_types() == fields


def test_joy_message_counts_from_one():
    assert (ArmJoy.EE_X_INC, ArmJoy.HOME_POSE, ArmJoy.TORQUE_OFF) == (1, 15, 24)
    assert len(ArmJoy.get_fields_and_field_types()) == 12


def test_joint_states_come_100_times_a_second_in_order_and_units(client):
    states = client.let_pass(1.0)
    assert list(states[0].name) == JOINTS
    state = states[0]
    assert len(state.position) == len(state.velocity) == len(state.effort) == 9
    assert state.position[8] == pytest.approx(-state.position[7])
    assert list(state.velocity[7:]) == list(state.effort[7:]) == [0.0, 0.0]
    assert 0.009 < state.position[7] < 0.04
    steps = np.diff([stamp_s(message) for message in states])
    assert np.median(steps) == pytest.approx(0.010, abs=0.003)
    # The law of cosines in horn (14 mm), rod (24 mm) and finger.
    horn = state.position[6]
    finger = 0.014 * np.sin(horn) + np.sqrt(0.024**2 - (0.014 * np.cos(horn)) ** 2)
    assert state.position[7] == pytest.approx(finger, abs=1e-3)


def test_robot_info_of_arm_gripper_and_all(client):
    arm = client.call('get_robot_info', ARM)
    assert (arm.mode, arm.profile_type, arm.num_joints) == ('position', 'time', 6)
    assert list(arm.joint_names) == JOINTS[:6]
    assert list(arm.joint_ids) == [1, 2, 4, 6, 7, 8]
    assert list(arm.joint_state_indices) == [0, 1, 2, 3, 4, 5]
    assert arm.joint_lower_limits[1:3] == pytest.approx([-1.885, -2.147], abs=2e-3)
    assert arm.joint_upper_limits[1:5:3] == pytest.approx([1.990, 2.147], abs=2e-3)
    assert list(arm.joint_velocity_limits) == pytest.approx([np.pi] * 6, rel=1e-3)
    assert arm.joint_sleep_positions == pytest.approx([0, -1.80, 1.55, 0, 0.8, 0], abs=1e-5)
    gripper = client.call('get_robot_info', GRIPPER)
    assert list(gripper.joint_names) == ['left_finger']
    limits = [gripper.joint_lower_limits[0], gripper.joint_upper_limits[0]]
    assert limits == pytest.approx([0.015, 0.037], abs=1e-4)
    everything = client.call('get_robot_info', ALL)
    assert everything.num_joints == 7
    assert set(everything.name) >= {'arm', 'all'}


def test_unknown_names_give_empty_answers(client):
    assert client.call('get_robot_info', ('group', 'legs')).num_joints == 0
    assert client.read(('single', 'tail'), 'ID') == []


@sim_only('an unknown name in a command ends xs_sdk, and whoever starts it again drops the arm')
def test_commands_for_unknown_names_harm_nobody(client):
    client.group.publish(JointGroupCommand(name='legs', cmd=[1.0]))
    client.single.publish(JointSingleCommand(name='tail', cmd=1.0))
    assert client.read(ALL, 'ID') == [1, 2, 4, 6, 7, 8, 9]


def test_registers_can_be_read_and_written(client):
    assert client.read(ALL, 'Hardware_Error_Status') == [0] * 7
    assert client.read(ARM, 'Torque_Enable') == [1] * 6
    assert client.read(ARM, 'Velocity_Limit') == [131] * 6
    assert client.read(WRIST, 'Temperature_Limit') == [80]
    assert 15 < client.read(WRIST, 'Present_Temperature')[0] < 75
    before = client.read(WRIST, 'Profile_Velocity')[0]
    client.write(WRIST, 'Profile_Velocity', 750)
    assert client.read(WRIST, 'Profile_Velocity') == [750]
    client.write(WRIST, 'Profile_Velocity', before)
