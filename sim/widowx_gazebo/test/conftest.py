# SPDX-License-Identifier: Apache-2.0
"""Gazebo's side: what it does behind the bridge, and its command line."""

import os

import numpy as np
import pytest
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from parl_node.message_conversion import stamp_from_nanoseconds
from widowx_gazebo.station_world import DRIVEN_JOINTS

PERIOD_S = 0.01
SPEEDS = np.array([np.pi] * 6 + [1.0] * 2)
FAKE_GZ = """#!/bin/sh
while [ -e "$GZ_BUSY" ]; do sleep 0.05; done
printf '%s\\n' "$@" > "$GZ_SAID"
echo "$GZ_ANSWER"
"""


class FakeGazebo(Node):
    """Joints that begin at zero and go where they are told; its time goes on when answered."""

    def __init__(self):
        super().__init__('fake_gazebo', namespace='wx250s')
        self.positions = np.zeros(8)
        self.goals = np.clip(
            self.positions, [*[-9.0] * 6, 0.01, -0.037], [*[9.0] * 6, 0.037, -0.01]
        )
        self.ticks = 0
        self._turns, self._is_answered = 0, False
        self._states = self.create_publisher(JointState, 'gazebo/joint_states', 10)
        self._time = self.create_publisher(Clock, '/clock', 10)
        for index, name in enumerate(DRIVEN_JOINTS):
            self.create_subscription(
                Float64, f'gazebo/{name}', lambda message, i=index: self._on_goal(i, message), 10
            )
        self.create_timer(0.002, self._on_timer)

    def _on_goal(self, index, message):
        self.goals[index] = message.data
        self._is_answered = index == len(DRIVEN_JOINTS) - 1

    def _on_timer(self):
        self._turns += 1
        if self._is_answered:
            step = SPEEDS * PERIOD_S
            self.positions += np.clip(self.goals - self.positions, -step, step)
            self.ticks += 1
        # Whoever was not there yet is told again, as time stands.
        if self._is_answered or self._turns % 100 == 1:
            self._is_answered = False
            self._publish()

    def _publish(self):
        clock = Clock(clock=stamp_from_nanoseconds(self.ticks * 10_000_000))
        order = sorted(range(8), key=lambda i: DRIVEN_JOINTS[i])  # not the arm's own
        message = JointState(
            name=[DRIVEN_JOINTS[i] for i in order],
            position=[float(self.positions[i]) for i in order],
            velocity=[0.0] * 8,
            effort=[0.0] * 8,
        )
        message.header.stamp = clock.clock
        self._states.publish(message)
        self._time.publish(clock)


@pytest.fixture
def fake_gazebo(ros_domain):
    return FakeGazebo()


@pytest.fixture
def gz(tmp_path, monkeypatch):
    """A gz that notes how it was called, and answers as it is told."""
    program = tmp_path / 'gz'
    program.write_text(FAKE_GZ, encoding='utf-8')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv('GZ_SAID', str(tmp_path / 'said'))
    monkeypatch.setenv('GZ_BUSY', str(tmp_path / 'busy'))
    monkeypatch.setenv('GZ_ANSWER', 'data: true')
    return lambda: (tmp_path / 'said').read_text(encoding='utf-8').splitlines()
