# SPDX-License-Identifier: Apache-2.0
"""How the simulated arm ends: after whoever commands it."""

import signal
import subprocess
import sys
import time

from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
import pytest
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from parl_msgs.msg import EndEffectorTarget

LIMIT_S = 100.0  # only a hang lasts so long


@pytest.fixture
def sim(ros_domain, task_file):
    process = subprocess.Popen(
        [
            sys.executable,
            '-m',
            'widowx_sim.ros.sim_node',
            '--ros-args',
            '-p',
            f'task_file:={task_file}',
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.fixture
def node(ros_domain):
    node = rclpy.create_node('driver')
    yield node
    node.destroy_node()


def wait(node, is_done):
    end = time.monotonic() + LIMIT_S
    while not is_done():
        assert time.monotonic() < end, 'waited too long'
        rclpy.spin_once(node, timeout_sec=0.05)


def test_after_ctrl_c_it_obeys_until_its_driver_has_ended(sim, node):
    states = []
    node.create_subscription(JointState, 'joint_states', states.append, qos_profile_sensor_data)
    group = node.create_publisher(JointGroupCommand, 'commands/joint_group', 10)
    single = node.create_publisher(JointSingleCommand, 'commands/joint_single', 10)
    wait(
        node, lambda: states and group.get_subscription_count() and single.get_subscription_count()
    )
    sim.send_signal(signal.SIGINT)
    assert 'the arm stays until nobody commands it' in sim.stderr.readline()
    joints = list(states[-1].position[:6])
    joints[0] += 0.2
    single.publish(JointSingleCommand(name='gripper', cmd=0.037))
    group.publish(JointGroupCommand(name='arm', cmd=joints))
    wait(node, lambda: abs(states[-1].position[0] - joints[0]) < 0.05)
    node.destroy_publisher(group)
    assert sim.wait(LIMIT_S) == 0


def test_after_ctrl_c_it_waits_for_a_driver_that_still_makes_its_commands_topic(sim, node):
    """The vendor's modules make it a few seconds after the driver's start."""
    states = []
    node.create_subscription(JointState, 'joint_states', states.append, qos_profile_sensor_data)
    executed = node.create_publisher(EndEffectorTarget, 'executed_target', 10)
    wait(node, lambda: states)
    sim.send_signal(signal.SIGINT)
    assert 'the arm stays until nobody commands it' in sim.stderr.readline()
    node.destroy_publisher(executed)
    assert sim.wait(LIMIT_S) == 0


def test_sigterm_ends_it_at_once(sim, node):
    group = node.create_publisher(JointGroupCommand, 'commands/joint_group', 10)
    wait(node, lambda: group.get_subscription_count())
    sim.terminate()
    assert sim.wait(LIMIT_S) == 0
    assert sim.stderr.read() == ''
