# SPDX-License-Identifier: Apache-2.0
"""Drills of arm and driver: a player moves the arm at full speed, then something breaks."""

import signal

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='no ROS 2 in this Python')

from drill import Drill, HOLD_S, SharedDrill
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_srvs.srv import Trigger

from parl_msgs.msg import EndEffectorTarget, EpisodeStatus
from parl_msgs.srv import GoToStart
from widowx_description.arm import REST_JOINTS

pytestmark = pytest.mark.timeout(1800)

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
DRIVER = 'widowx_driver.ros.driver_node'
CENTRE, REACH_M = np.array([0.27, 0.02, 0.15]), 0.15
STEP_M = 0.05


class ArmDrill(Drill):
    """Plays targets back and forth at full speed."""

    def __init__(self):
        super().__init__(camera_rate_hz=5.0)
        self._targets = self.node.create_publisher(EndEffectorTarget, 'target', 1)
        self._episodes = self.node.create_publisher(EpisodeStatus, 'episode', LATCHED)
        self._next_target_s = None
        self._direction, self._at = 1.0, CENTRE.copy()
        self.on_state = self._play_on

    def _play_on(self):
        if self._next_target_s is not None and self.now_s >= self._next_target_s:
            self._next_target_s = self.now_s + 0.2
            self._send_target()

    def _send_target(self):
        if self.executed:
            position = self.executed[-1][1].pose.position
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

    def go_to_start(self):
        return self.call(GoToStart, 'go_to_start')

    def play_at_full_speed(self):
        self.wait(lambda: self.states, 'joint_states')
        self.play(False)
        reply = self.go_to_start()
        assert reply.success, reply.message
        self.play()
        self.wait(lambda: self.follows(8), 'accepted targets')

    def follows(self, count):
        recent = self.executed[-count:]
        return len(recent) == count and not any(message.limited for _, message in recent)


@pytest.fixture(scope='module')
def shared(module_ros_domain):
    def start():
        drill = ArmDrill()
        drill.start(DRIVER)
        return drill

    shared = SharedDrill(start)
    yield shared
    shared.close()


@pytest.fixture
def drill(shared):
    return shared.begin()


def test_servo_overload_in_motion(drill):
    drill.play_at_full_speed()
    drill.inject('overload', joint='shoulder')
    drill.wait(lambda: drill.executed[-1][1].limited, 'a refused target')
    # Its effort tells; the error registers alone would be read up to 1 s later.
    drill.let_pass(1.0)
    assert drill.last_moved_s() - drill.begin_s < 0.2
    # The waist, which moved at full speed, stands.
    assert drill.begin_s + drill.stood_after_s([0]) < drill.last_moved_s() + HOLD_S
    drill.named('shoulder: overload')
    assert drill.executed[-1][1].arm_fault
    drill.play(False)
    reply = drill.go_to_start()
    if not reply.success:
        assert 'support the arm, then call recover' in reply.message
        assert drill.call(Trigger, 'recover').success
        reply = drill.go_to_start()
    assert reply.success, reply.message
    drill.play()
    drill.wait(lambda: drill.follows(4), 'accepted targets after the recovery')
    drill.end()


def test_serial_drop_out_of_a_second(drill):
    drill.play_at_full_speed()
    commands = len(drill.commands)
    drill.inject('serial_dropout', duration=1.0)
    begin_s = drill.now_s
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
    drill.end()


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
    drill.end()


def test_driver_killed_with_the_arm_raised_then_restarted_then_parked(drill):
    drill.play_at_full_speed()
    drill.kill(DRIVER)
    begin_s = drill.now_s
    drill.let_pass(1.0)
    assert drill.speed_after(begin_s + HOLD_S, begin_s + 1.0) < 0.05
    drill.play(False)
    raised = drill.joints
    drill.start(DRIVER)
    drill.named('waits for go_to_start')
    # Neither its start nor the preparation of the servos let go of the arm.
    assert np.max(np.abs(drill.joints - raised)) < 0.03
    reply = drill.go_to_start()
    assert reply.success, reply.message
    drill.play()
    drill.wait(lambda: drill.follows(4), 'accepted targets of the new driver')
    drill.play(False)
    driver = drill.processes[DRIVER]
    driver.send_signal(signal.SIGINT)
    drill.wait(lambda: driver.poll() is not None, 'the driver to park and end')
    assert driver.returncode == 0
    np.testing.assert_allclose(drill.joints[[1, 2, 4]], REST_JOINTS[[1, 2, 4]], atol=0.15)
    drill.assert_limits()  # without a driver it is no graph for others
