# SPDX-License-Identifier: Apache-2.0
"""Holds an xs_sdk against its contract: the simulated one, or a real arm's.

    XS_SDK_NAMESPACE=/wx250s python -m pytest sim/widowx_sim/test/ros/test_conformance.py

points it at the arm whose driver runs there. Put the arm into its sleep pose and clear the
gripper: wrist_rotate turns by 0.1 rad, the gripper opens and closes. Tests marked `sim_only` are
skipped on an arm and say why.
"""

import contextlib
import os
import threading
import time

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
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from parl_msgs.srv import InjectFault
from parl_node.message_conversion import seconds
from widowx_sim.ros.sim_node import SimNode

REAL = os.environ.get('XS_SDK_NAMESPACE', '')
NAMESPACE = REAL or '/wx250s'
LIMIT_S = 15.0
ARM, ALL = ('group', 'arm'), ('group', 'all')
GRIPPER, WRIST = ('single', 'gripper'), ('single', 'wrist_rotate')
JOINTS = [
    'waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate', 'gripper',
    'left_finger', 'right_finger',
]  # fmt: skip
SERVICES = {
    'torque_enable': TorqueEnable,
    'reboot_motors': Reboot,
    'get_robot_info': RobotInfo,
    'set_operating_modes': OperatingModes,
    'set_motor_pid_gains': MotorGains,
    'set_motor_registers': RegisterValues,
    'get_motor_registers': RegisterValues,
}


def sim_only(why):
    return pytest.mark.skipif(bool(REAL), reason=f'not on a real arm: {why}')


class Client:
    """Talks to an xs_sdk and keeps its joint states."""

    def __init__(self, context=None):
        self.node = rclpy.create_node('conformance', namespace=NAMESPACE, context=context)
        self.states = []
        self.node.create_subscription(JointState, 'joint_states', self.states.append, 100)
        self.group = self.node.create_publisher(JointGroupCommand, 'commands/joint_group', 10)
        self.single = self.node.create_publisher(JointSingleCommand, 'commands/joint_single', 10)
        self.trajectory = self.node.create_publisher(
            JointTrajectoryCommand, 'commands/joint_trajectory', 10
        )
        self._clients = {
            name: self.node.create_client(kind, name)
            for name, kind in {**SERVICES, 'inject_fault': InjectFault}.items()
        }
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self.wait(lambda: self.states, 'joint_states')
        for publisher in (self.group, self.single, self.trajectory):
            self.wait(lambda p=publisher: p.get_subscription_count() > 0, publisher.topic_name)

    def wait(self, is_done, what):
        end = time.monotonic() + LIMIT_S
        while not is_done():
            assert time.monotonic() < end, f'waited {LIMIT_S} s for {what}'
            self._executor.spin_once(timeout_sec=0.02)

    def call(self, name, target=('', ''), **fields):
        client = self._clients[name]
        self.wait(client.service_is_ready, name)
        if target[0]:
            fields |= {'cmd_type': target[0], 'name': target[1]}
        reply = client.call_async(client.srv_type.Request(**fields))
        self.wait(reply.done, name)
        return reply.result()

    def read(self, target, register):
        return list(self.call('get_motor_registers', target, reg=register).values)

    def write(self, target, register, value):
        self.call('set_motor_registers', target, reg=register, value=value)

    def set_mode(self, target, mode, profile_type='time', velocity=1000, acceleration=300):
        self.call('set_operating_modes', target, mode=mode, profile_type=profile_type,
                  profile_velocity=velocity, profile_acceleration=acceleration)  # fmt: skip

    def fresh(self):
        """The next joint state from now on."""
        self.states.clear()
        self.wait(lambda: self.states, 'joint_states')
        return self.states[-1]

    def positions(self):
        return np.array(self.fresh().position)

    def let_pass(self, duration_s):
        """Collect the states of some seconds of the arm's own time."""
        self.states.clear()
        self.wait(lambda: self.states, 'joint_states')
        end = stamp_s(self.states[0]) + duration_s
        self.wait(lambda: stamp_s(self.states[-1]) >= end, f'{duration_s} s of joint_states')
        return list(self.states)

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()


def stamp_s(message):
    return seconds(message.header.stamp)


def longest_gap_s(states):
    return float(np.max(np.diff([stamp_s(state) for state in states]), initial=0.0))


@pytest.fixture
def sim_parameters():
    return {'start_modes': 'vendor'}


@pytest.fixture
def client(request, task_file, sim_parameters):
    """A client of the arm at XS_SDK_NAMESPACE, or of a simulation in a thread of its own."""
    if REAL:
        rclpy.init()
        client = Client()
        yield client
        client.close()
        rclpy.try_shutdown()
        return
    request.getfixturevalue('ros_domain')
    parameters = {'task_file': str(task_file), 'pacing': 'realtime', 'camera_rate_hz': 1.0}
    parameters |= sim_parameters
    sim = SimNode(
        namespace=NAMESPACE,
        parameter_overrides=[Parameter(name, value=value) for name, value in parameters.items()],
    )
    executor = SingleThreadedExecutor()
    executor.add_node(sim)

    def spin():
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        client = Client()
        yield client
        client.close()
    finally:
        executor.shutdown()
        thread.join(timeout=10.0)
        sim.destroy_node()


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


def test_a_time_profile_moves_a_joint_in_its_time(client):
    client.write(WRIST, 'Profile_Velocity', 1000)
    client.write(WRIST, 'Profile_Acceleration', 300)
    begin = client.positions()[5]
    goal = begin + (0.1 if begin < 0 else -0.1)
    del client.states[:-1]
    client.single.publish(JointSingleCommand(name='wrist_rotate', cmd=float(goal)))
    # The command is heard at an unknown moment: count from the first sign of motion.
    client.wait(lambda: abs(client.states[-1].position[5] - begin) > 0.005, 'motion')
    moved = stamp_s(client.states[-1])
    client.wait(lambda: stamp_s(client.states[-1]) > moved + 1.5, 'the end of the move')
    times = np.array([stamp_s(state) - moved for state in client.states])
    way = np.array([(state.position[5] - begin) / (goal - begin) for state in client.states])
    # A trapezoid of 1.0 s reaches 5 % after 0.15 s, 50 % after 0.5 s, 95 % after 0.85 s.
    assert times[np.argmax(way > 0.5)] == pytest.approx(0.35, abs=0.15)
    assert times[np.argmax(way > 0.9)] == pytest.approx(0.65, abs=0.2)
    assert way[-1] == pytest.approx(1.0, abs=0.2)
    assert max(abs(state.velocity[5]) for state in client.states) > 0.08


def test_requests_stall_the_joint_states(client):
    client.let_pass(0.1)
    for _ in range(5):
        client.read(ALL, 'Present_Temperature')
    client.let_pass(0.05)
    client.fresh()  # from before the requests: a gap needs both its ends
    for _ in range(5):
        client.read(ALL, 'Present_Temperature')
    client.wait(lambda: longest_gap_s(client.states) > 0.015, 'a gap in joint_states')


def test_a_pwm_gripper_opens_and_closes_and_linear_position_holds(client):
    client.set_mode(GRIPPER, 'pwm', 'velocity', 0, 0)
    for pwm, is_there in ((250.0, lambda m: m > 0.033), (-250.0, lambda m: m < 0.018)):
        client.single.publish(JointSingleCommand(name='gripper', cmd=pwm))
        client.wait(lambda there=is_there: there(client.states[-1].position[7]), f'PWM {pwm}')
        client.single.publish(JointSingleCommand(name='gripper', cmd=0.0))
    assert client.call('get_robot_info', GRIPPER).mode == 'pwm'
    client.set_mode(GRIPPER, 'linear_position')
    client.single.publish(JointSingleCommand(name='gripper', cmd=0.050))
    client.wait(lambda: abs(client.states[-1].position[7] - 0.025) < 0.002, 'the fingers')


@sim_only('the arm falls')
def test_torque_off_drops_the_arm(client):
    before = client.positions()
    client.call('torque_enable', ARM, enable=False)
    client.let_pass(0.5)
    assert np.max(np.abs(client.positions() - before)[:6]) > 0.2
    client.single.publish(JointSingleCommand(name='waist', cmd=float(before[0] + 0.5)))
    client.let_pass(0.3)
    assert abs(client.positions()[0] - before[0]) < 0.1
    client.call('torque_enable', ARM, enable=True)
    client.let_pass(0.2)  # states from before the answer may still come
    held = client.positions()
    client.let_pass(0.3)
    np.testing.assert_allclose(client.positions()[:6], held[:6], atol=0.05)


@sim_only('needs a fault on purpose')
def test_an_overload_is_silent_and_a_smart_reboot_mends_it(client):
    assert client.call('inject_fault', fault='overload', joint='elbow').success
    before = client.positions()
    states = client.let_pass(0.5)
    assert all(np.isfinite(state.position).all() for state in states)
    assert abs(states[-1].position[2] - before[2]) > 0.1
    assert client.read(ALL, 'Hardware_Error_Status') == [0, 0, 32, 0, 0, 0, 0]
    client.call('reboot_motors', ALL, enable=True, smart_reboot=True)
    assert client.read(ALL, 'Hardware_Error_Status') == [0] * 7
    assert client.read(ARM, 'Torque_Enable') == [1] * 6
    assert client.read(ARM, 'Profile_Velocity') == [2000, 2000, 0, 2000, 2000, 2000]


@sim_only('needs a fault on purpose')
@pytest.mark.parametrize('sim_parameters', [{'read_failure_behavior': 0}], ids=['minus pi'])
def test_a_failed_read_gives_minus_pi_and_partial_lists(client):
    client.call('inject_fault', fault='serial_dropout', duration=1.0)
    failed = client.fresh()
    np.testing.assert_allclose(failed.position[:7], -np.pi)
    assert failed.position[7] == pytest.approx(0.0195, abs=1e-4)
    assert client.read(ALL, 'ID') == []
    client.wait(lambda: client.states[-1].position[0] > -3.0, 'the end of the drop-out')


@sim_only('needs a fault on purpose')
@pytest.mark.parametrize('sim_parameters', [{'read_failure_behavior': 1}], ids=['NaN'])
def test_a_failed_read_gives_nan_where_so_configured(client):
    client.call('inject_fault', fault='no_answer', joint='wrist_angle')
    assert np.isnan(client.fresh().position).all()
    assert client.read(ALL, 'ID') == [1, 2, 4, 6]  # up to the first that is silent


@sim_only('a servo would ignore the goal or hit its limit')
def test_a_goal_out_of_range_is_ignored_by_its_servo_alone(client):
    client.write(ARM, 'Profile_Velocity', 200)
    before = client.positions()[:6]
    goal = before + np.array([0, 9.0, 0, 0, 0, 0.1])
    client.group.publish(JointGroupCommand(name='arm', cmd=[float(q) for q in goal]))
    client.let_pass(0.6)
    moved = client.positions()[:6] - before
    assert moved[5] == pytest.approx(0.1, abs=0.02)
    assert abs(moved[1]) < 0.02


@sim_only('it lets go of the arm')
def test_setting_a_mode_lets_go_for_a_moment(client):
    client.fresh()  # from before the request: a gap needs both its ends
    client.set_mode(ARM, 'position', 'time', 200, 100)
    # 36 transactions of 2.5 ms in which nothing is published.
    client.wait(lambda: longest_gap_s(client.states) >= 0.09, 'a gap in joint_states')
    assert client.read(ARM, 'Profile_Acceleration') == [100] * 6


@sim_only('newer drivers may have mended the defect')
def test_a_trajectory_pauses_where_a_whole_second_is_crossed(client):
    client.write(WRIST, 'Profile_Velocity', 50)
    begin = client.positions()[5]
    trajectory = JointTrajectory()
    for index, time_ms in enumerate([0, 900, 1000, 1050]):
        point = JointTrajectoryPoint(positions=[begin + 0.1 * index])
        point.time_from_start.sec = time_ms // 1000
        point.time_from_start.nanosec = time_ms % 1000 * 1_000_000
        trajectory.points.append(point)
    client.trajectory.publish(
        JointTrajectoryCommand(cmd_type='single', name='wrist_rotate', traj=trajectory)
    )
    # The first is never sent, and each other when the one before it is due.
    client.wait(lambda: client.states[-1].position[5] > begin + 0.15, 'the third waypoint')
    third = stamp_s(client.states[-1])
    client.wait(lambda: client.states[-1].position[5] > begin + 0.25, 'the fourth waypoint')
    assert stamp_s(client.states[-1]) - third == pytest.approx(3.395, abs=0.1)
