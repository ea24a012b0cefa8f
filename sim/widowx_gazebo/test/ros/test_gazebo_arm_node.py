# SPDX-License-Identifier: Apache-2.0
"""The production driver on the arm node, over real DDS, with a fake of Gazebo's side."""

from pathlib import Path
import time

from geometry_msgs.msg import TransformStamped
from interbotix_xs_msgs.srv import OperatingModes, RegisterValues, TorqueEnable
import numpy as np
import pytest
import rclpy
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from parl_msgs.msg import EndEffectorTarget
from parl_msgs.srv import GoToStart, Reset
from parl_node.executor import NodeExecutor
from parl_node.message_conversion import seconds
from widowx_description.arm import REST_JOINTS
from widowx_description.kinematics import end_effector_pose
from widowx_driver.ros.driver_node import DriverNode
from widowx_gazebo.ros.gazebo_arm_node import GazeboArmNode
from widowx_sim.servos import wx250s
from widowx_sim.station.station import Station

TASK_FILE = Path(__file__).parents[4] / 'ros2_ws/src/widowx_bringup/config/tasks/cup_to_rack.yaml'
LIMIT_S = 300.0
START_M = [0.28, 0.02, 0.18]


class Graph:
    """Fake Gazebo, arm node and perhaps the driver on one executor, and somebody to ask them."""

    def __init__(self, gazebo, with_driver):
        options = {
            'namespace': 'wx250s',
            'parameter_overrides': [
                Parameter('task_file', value=str(TASK_FILE)),
                Parameter('use_sim_time', value=True),
            ],
        }
        self.gazebo, self.arm = gazebo, GazeboArmNode(**options)
        self.node = rclpy.create_node('asker', namespace='wx250s')
        self._nodes = [self.gazebo, self.arm, self.node]
        self.driver = None
        if with_driver:
            self.driver = DriverNode(**options)
            self._nodes.append(self.driver)
        self.states, self.executed, self.transforms = [], [], []
        self.node.create_subscription(JointState, 'joint_states', self.states.append, 10)
        self.node.create_subscription(
            EndEffectorTarget, 'executed_target', self.executed.append, 10
        )
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.node.create_subscription(
            TransformStamped, 'camera/transform', self.transforms.append, latched
        )
        self._executor = NodeExecutor()
        for node in self._nodes:
            self._executor.add_node(node)
        self.wait(lambda: self.states, 'joint_states')

    def wait(self, is_done, what):
        end_s = time.monotonic() + LIMIT_S
        while not is_done():
            assert time.monotonic() < end_s, f'waited {LIMIT_S} s for {what}'
            self._executor.spin_once(timeout_sec=0.05)

    def call(self, kind, service, **fields):
        client = self.node.create_client(kind, service)
        self.wait(client.service_is_ready, service)
        reply = client.call_async(kind.Request(**fields))
        self.wait(reply.done, service)
        return reply.result()

    def read(self, register):
        fields = {'cmd_type': 'group', 'name': 'all', 'reg': register}
        return list(self.call(RegisterValues, 'get_motor_registers', **fields).values)

    def let_pass(self, ticks):
        end = self.gazebo.ticks + ticks
        self.wait(lambda: self.gazebo.ticks >= end, f'{ticks} ticks')

    def position(self):
        return end_effector_pose(self.gazebo.positions[:6])[0]

    def close(self):
        self._executor.shutdown()
        for node in self._nodes:
            node.destroy_node()


@pytest.fixture
def make_graph(fake_gazebo):
    graphs = []

    def make(with_driver=False):
        graphs.append(Graph(fake_gazebo, with_driver))
        return graphs[-1]

    yield make
    for graph in graphs:
        graph.close()


def test_the_driver_prepares_starts_moves_and_parks_the_arm(make_graph):
    graph = make_graph(with_driver=True)
    graph.wait(lambda: graph.driver.is_ready, 'a prepared driver')
    assert graph.read('Profile_Velocity') == [200] * 7
    reply = graph.call(GoToStart, 'go_to_start')
    assert reply.success, reply.message
    # It answers when the arm is near enough; what was set last may be on its way to Gazebo.
    graph.wait(lambda: np.allclose(graph.position(), START_M, atol=1e-4), 'the start pose')
    assert graph.gazebo.positions[6:] == pytest.approx([0.037, -0.037])

    target = EndEffectorTarget(gripper=0.0, pose=reply.target.pose)
    target.header.frame_id = 'wx250s/base_link'
    target.header.stamp = graph.driver.get_clock().now().to_msg()
    target.pose.position.x += 0.03
    publisher = graph.node.create_publisher(EndEffectorTarget, 'target', 1)
    graph.wait(lambda: publisher.get_subscription_count() > 0, 'the driver to listen')
    publisher.publish(target)
    graph.wait(lambda: graph.executed, 'executed_target')
    assert graph.executed[-1].reason == ''
    graph.let_pass(25)
    np.testing.assert_allclose(graph.position(), [0.31, 0.02, 0.18], atol=1e-4)
    assert graph.gazebo.positions[6:] == pytest.approx([0.010, -0.010])

    reply = graph.call(Trigger, 'park')
    assert reply.success, reply.message
    graph.wait(
        lambda: np.allclose(graph.gazebo.positions[:6], REST_JOINTS, rtol=0.0, atol=1e-4),
        'the rest pose',
    )


def test_joint_states_are_those_of_the_real_arm(make_graph):
    graph = make_graph()
    graph.let_pass(20)
    state = graph.states[-1]
    assert state.name == list(wx250s.JOINT_STATE_NAMES)
    assert list(state.position[:6]) == [0.0] * 6
    assert state.position[7] == -state.position[8] == pytest.approx(0.010)
    assert state.position[6] == pytest.approx(-np.pi / 2, abs=1e-3)  # the crank's dead point
    stamps = [seconds(s.header.stamp) for s in graph.states]
    np.testing.assert_allclose(np.diff(stamps[-10:]), 0.01)


def test_without_torque_goals_are_ignored_and_modes_that_gazebo_lacks_are_refused(make_graph):
    graph = make_graph()
    graph.call(TorqueEnable, 'torque_enable', cmd_type='group', name='all', enable=False)
    assert graph.read('Torque_Enable') == [0] * 7
    graph.arm.command([0], np.array([1.0]))
    graph.let_pass(30)
    assert graph.gazebo.positions[0] == 0.0
    mode = {'cmd_type': 'single', 'name': 'gripper', 'profile_type': 'time'}
    graph.call(OperatingModes, 'set_operating_modes', mode='pwm', **mode)
    assert graph.read('Operating_Mode') == [3] * 7


def test_a_world_that_is_put_back_does_not_move_the_arm(make_graph):
    graph = make_graph()
    graph.arm.command([0], np.array([1.0]))
    graph.let_pass(100)
    assert graph.gazebo.positions[0] == pytest.approx(1.0)
    graph.gazebo.positions[:], graph.gazebo.goals[:] = 0.0, 0.0
    graph.gazebo.ticks = 0
    graph.let_pass(50)
    # A set-point that was under way moves it for one period, not back to 1 rad.
    assert graph.gazebo.positions[0] < 0.04


def test_reset_puts_the_objects_where_the_mujoco_station_puts_them(make_graph, gz):
    graph = make_graph()
    reply = graph.call(Reset, 'reset', seed=5)
    assert reply.success, reply.message
    said = gz()
    assert said[:3] == ['service', '-s', '/world/station/set_pose_vector']
    request = said[said.index('--req') + 1]
    station = Station(TASK_FILE)
    station.reset(5)
    position, yaw = station.object_pose('cup')
    station.close()
    words = request.replace('{', ' ').replace('}', ' ').split()
    assert words[:3] == ['pose', 'name:', '"cup"']
    numbers = [float(words[i + 1]) for i, word in enumerate(words) if word in ('x:', 'y:')]
    np.testing.assert_allclose(numbers[:2], position[:2], atol=1e-3)  # it has settled
    w, z = float(words[words.index('w:') + 1]), float(words[-1])
    assert 2.0 * np.arctan2(z, w) == pytest.approx(yaw, abs=0.02)


def test_the_arm_goes_on_while_a_reset_waits_for_gazebo(make_graph, gz, tmp_path):
    graph = make_graph()
    (tmp_path / 'busy').touch()
    client = graph.node.create_client(Reset, 'reset')
    graph.wait(client.service_is_ready, 'reset')
    reply = client.call_async(Reset.Request())
    graph.let_pass(100)
    assert not reply.done()
    (tmp_path / 'busy').unlink()
    graph.wait(reply.done, 'reset')
    assert reply.result().success


def test_a_gazebo_that_does_not_answer_is_named(make_graph, gz, monkeypatch):
    monkeypatch.setenv('GZ_ANSWER', 'Service call timed out')
    reply = make_graph().call(Reset, 'reset', seed=5)
    assert not reply.success
    assert 'Service call timed out' in reply.message


def test_the_camera_is_told_to_whoever_comes_late(make_graph):
    graph = make_graph()
    graph.wait(lambda: graph.transforms, 'camera/transform')
    (message,) = graph.transforms
    assert message.header.frame_id == 'wx250s/base_link'
    assert message.child_frame_id == 'wx250s/camera_optical'
    assert message.transform.translation.z == pytest.approx(0.68)
