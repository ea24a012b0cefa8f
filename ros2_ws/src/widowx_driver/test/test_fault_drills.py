# SPDX-License-Identifier: Apache-2.0
"""Drills on a running graph: the simulated arm, the driver as a process of its own, a player.

Times are the arm's own (joint_states stamps), and on a busy machine the simulation goes slower, so
that load only makes the drills longer.
"""

import contextlib
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from interbotix_xs_msgs.msg import JointGroupCommand
import numpy as np
import pytest
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from parl_msgs.msg import EndEffectorTarget, EpisodeStatus
from parl_msgs.srv import GoToStart, InjectFault
from widowx_driver.arm_model import joint_limits, REST_JOINTS

sim_node = pytest.importorskip('widowx_sim.sim_node', reason='widowx_sim is not installed')

pytestmark = pytest.mark.timeout(900)

LIMIT_S = 240.0
HOLD_S = 0.3
NAMESPACE = '/wx250s'
TASK_FILE = Path(__file__).parents[2] / 'widowx_bringup/config/tasks/cup_to_rack.yaml'
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SPEED = float(np.clip(0.6 * (os.cpu_count() or 1) / max(os.getloadavg()[0], 0.1), 0.1, 0.6))
CENTRE, REACH_M = np.array([0.27, 0.02, 0.15]), 0.15
STEP_M = 0.05


class Drill:
    """Plays targets back and forth at full speed and keeps all that the arm does."""

    def __init__(self):
        parameters = {
            'task_file': str(TASK_FILE), 'pacing': 'realtime', 'speed': SPEED,
            'camera_rate_hz': 5.0, 'start_modes': 'vendor',
        }  # fmt: skip
        self.sim = sim_node.SimNode(
            namespace=NAMESPACE,
            parameter_overrides=[Parameter(k, value=v) for k, v in parameters.items()],
        )
        self._sim_executor = SingleThreadedExecutor()
        self._sim_executor.add_node(self.sim)
        self._thread = threading.Thread(target=self._spin_sim)
        self._thread.start()
        self.node = rclpy.create_node('player', namespace=NAMESPACE)
        self.states, self.commands, self.executed, self.reports = [], [], [], []
        self.node.create_subscription(JointState, 'joint_states', self._on_state, 50)
        self.node.create_subscription(
            JointGroupCommand, 'commands/joint_group', self._on_command, 50
        )
        self.node.create_subscription(
            EndEffectorTarget, 'executed_target', self.executed.append, 10
        )
        self.node.create_subscription(
            DiagnosticArray, '/diagnostics', lambda m: self.reports.append(m.status[0].message), 10
        )
        self._targets = self.node.create_publisher(EndEffectorTarget, 'target', 1)
        self._episodes = self.node.create_publisher(EpisodeStatus, 'episode', LATCHED)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._next_target_s = None
        self._direction, self._at = 1.0, CENTRE.copy()
        self.driver = None

    def _spin_sim(self):
        with contextlib.suppress(ExternalShutdownException):
            self._sim_executor.spin()

    @property
    def now_s(self):
        return self._stamp_s(self.states[-1]) if self.states else 0.0

    @property
    def joints(self):
        return np.array(self.states[-1].position[:6])

    @staticmethod
    def _stamp_s(message):
        return message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec

    def _on_state(self, message):
        self.states.append(message)
        if self._next_target_s is not None and self.now_s >= self._next_target_s:
            self._next_target_s = self.now_s + 0.2
            self._send_target()

    def _on_command(self, message):
        self.commands.append((self.now_s, np.array(message.cmd)))

    def _send_target(self):
        if self.executed:
            position = self.executed[-1].pose.position
            self._at = np.array([position.x, position.y, position.z])
        if abs(self._at[1] - CENTRE[1]) > REACH_M:
            self._direction = -np.sign(self._at[1] - CENTRE[1])
        at = CENTRE.copy()
        at[1] = self._at[1] + STEP_M * self._direction
        # Height and reach follow slowly, so that every step is sideways at full speed.
        at[0], at[2] = np.clip([at[0], at[2]], self._at[[0, 2]] - 0.03, self._at[[0, 2]] + 0.03)
        message = EndEffectorTarget(gripper=1.0)
        message.header.stamp = self.states[-1].header.stamp
        message.header.frame_id = 'wx250s/base_link'
        message.pose.position.x, message.pose.position.y, message.pose.position.z = map(float, at)
        message.pose.orientation.y = message.pose.orientation.w = float(np.sqrt(0.5))
        self._targets.publish(message)

    def play(self, is_playing=True):
        self._next_target_s = self.now_s if is_playing else None
        state = EpisodeStatus.RUNNING if is_playing else EpisodeStatus.IDLE
        self._episodes.publish(EpisodeStatus(state=state, episode_id='drill'))

    def wait(self, is_done, what):
        end = time.monotonic() + LIMIT_S
        while not is_done():
            assert time.monotonic() < end, f'waited {LIMIT_S} s for {what}: {self.reports[-3:]}'
            self._executor.spin_once(timeout_sec=0.02)

    def let_pass(self, duration_s):
        end = self.now_s + duration_s
        self.wait(lambda: self.now_s >= end, f'{duration_s} s')

    def call(self, service, name, **fields):
        client = self.node.create_client(service, name)
        self.wait(client.service_is_ready, name)
        reply = client.call_async(service.Request(**fields))
        self.wait(reply.done, name)
        return reply.result()

    def start_driver(self):
        self.driver = subprocess.Popen(
            [sys.executable, '-m', 'widowx_driver.driver_node', '--ros-args',
             '-r', f'__ns:={NAMESPACE}', '-p', 'use_sim_time:=true',
             '-p', f'task_file:={TASK_FILE}'],
        )  # fmt: skip

    def go_to_start(self):
        return self.call(GoToStart, 'go_to_start')

    def play_at_full_speed(self):
        self.wait(lambda: self.states, 'joint_states')
        reply = self.go_to_start()
        assert reply.success, reply.message
        self.play()
        self.wait(lambda: self.follows(8), 'accepted targets')

    def follows(self, count):
        recent = self.executed[-count:]
        return len(recent) == count and not any(message.limited for message in recent)

    def named(self, words):
        self.reports.clear()
        self.wait(lambda: any(words in text for text in self.reports), f'a report of {words!r}')

    def assert_limits(self):
        """No command ever left the limits of the joints, nor jumped."""
        lower, upper = joint_limits(0.05)
        for _, joints in self.commands:
            assert np.all(np.isfinite(joints))
            assert np.all(joints >= lower - 1e-6)
            assert np.all(joints <= upper + 1e-6)
        readable = np.array([s.position[:6] for s in self.states if s.position[0] > -3.0])
        lower, upper = joint_limits(-0.02)
        assert np.all(readable >= lower)
        assert np.all(readable <= upper)

    def speed_after(self, since_s, until_s, joints=slice(0, 6)):
        return max(
            np.max(np.abs(np.array(state.velocity[:6])[joints]))
            for state in self.states
            if since_s <= self._stamp_s(state) <= until_s
        )

    def close(self):
        if self.driver is not None and self.driver.poll() is None:
            self.driver.kill()
            self.driver.wait()
        self._sim_executor.shutdown()
        self._thread.join()
        self.sim.destroy_node()
        self._executor.shutdown()
        self.node.destroy_node()


@pytest.fixture
def drill(ros_domain):
    drill = Drill()
    drill.start_driver()
    yield drill
    drill.close()


def test_servo_overload_in_motion(drill):
    drill.play_at_full_speed()
    drill.call(InjectFault, 'inject_fault', fault='overload', joint='shoulder')
    begin_s = drill.now_s
    drill.wait(lambda: drill.executed[-1].limited, 'a refused target')
    noticed_s = drill.now_s
    assert noticed_s - begin_s < 1.0
    drill.let_pass(1.0)
    # The waist, which moved at full speed, stands.
    assert drill.speed_after(noticed_s + HOLD_S, noticed_s + 1.0, [0]) < 0.1
    drill.named('shoulder: overload')
    assert drill.executed[-1].limited
    drill.play(False)
    reply = drill.go_to_start()
    if not reply.success:
        assert 'support the arm, then call recover' in reply.message
        assert drill.call(Trigger, 'recover').success
        reply = drill.go_to_start()
    assert reply.success, reply.message
    drill.play()
    drill.wait(lambda: drill.follows(4), 'accepted targets after the recovery')
    drill.assert_limits()


def test_serial_drop_out_of_a_second(drill):
    drill.play_at_full_speed()
    drill.call(InjectFault, 'inject_fault', fault='serial_dropout', duration=1.0)
    begin_s, commands = drill.now_s, len(drill.commands)
    drill.wait(lambda: drill.states[-1].position[0] < -3.1, 'failed reads')
    drill.named('failed bus read')
    drill.wait(lambda: drill.states[-1].position[0] > -3.1, 'the end of the drop-out')
    end_s = drill.now_s
    held = [joints for stamp_s, joints in drill.commands[commands:]
            if begin_s + HOLD_S < stamp_s < end_s]  # fmt: skip
    assert all(np.array_equal(joints, held[0]) for joints in held)
    drill.play(False)
    reply = drill.go_to_start()
    assert reply.success, reply.message
    drill.play()
    drill.wait(lambda: drill.follows(4), 'accepted targets after the drop-out')
    drill.assert_limits()


def test_stop_at_full_speed(drill):
    drill.play_at_full_speed()
    drill.wait(lambda: drill.speed_after(drill.now_s, drill.now_s) > 0.5, 'full speed')
    assert drill.call(Trigger, 'stop').success
    begin_s = drill.now_s
    drill.let_pass(1.0)
    assert drill.speed_after(begin_s + HOLD_S, begin_s + 1.0) < 0.05
    drill.named('stopped by the operator')
    assert drill.call(Trigger, 'resume').success
    drill.wait(lambda: drill.follows(4), 'accepted targets after resume')
    drill.assert_limits()


def test_driver_killed_with_the_arm_raised_then_restarted_then_parked(drill):
    drill.play_at_full_speed()
    drill.driver.kill()
    drill.driver.wait()
    begin_s = drill.now_s
    drill.let_pass(1.0)
    assert drill.speed_after(begin_s + HOLD_S, begin_s + 1.0) < 0.05
    drill.play(False)
    raised = drill.joints
    drill.start_driver()
    drill.named('waits for go_to_start')
    # Neither its start nor the preparation of the servos let go of the arm.
    assert np.max(np.abs(drill.joints - raised)) < 0.03
    reply = drill.go_to_start()
    assert reply.success, reply.message
    drill.play()
    drill.wait(lambda: drill.follows(4), 'accepted targets of the new driver')
    drill.play(False)
    drill.driver.send_signal(signal.SIGINT)
    drill.wait(lambda: drill.driver.poll() is not None, 'the driver to park and end')
    assert drill.driver.returncode == 0
    np.testing.assert_allclose(drill.joints[[1, 2, 4]], REST_JOINTS[[1, 2, 4]], atol=0.15)
    drill.assert_limits()
