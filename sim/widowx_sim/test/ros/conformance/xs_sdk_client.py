# SPDX-License-Identifier: Apache-2.0
"""Talks to an xs_sdk as its users do: the simulated one, or the one at XS_SDK_NAMESPACE."""

import os
import time

from interbotix_xs_msgs.msg import (
    JointGroupCommand,
    JointSingleCommand,
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
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState

from parl_msgs.srv import InjectFault
from parl_node.message_conversion import seconds

REAL = os.environ.get('XS_SDK_NAMESPACE', '')
NAMESPACE = REAL or '/wx250s'
LIMIT_S = 100.0  # only a hang lasts so long
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
