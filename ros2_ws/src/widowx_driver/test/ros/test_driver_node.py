# SPDX-License-Identifier: Apache-2.0
"""The real driver node against a fake arm, over real DDS."""

import time

from diagnostic_msgs.msg import DiagnosticArray
from driver_bench import LIMIT_S, SLEEP, TalkativeDriver
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from parl_msgs.msg import EpisodeStatus
from parl_msgs.srv import GoToStart


def test_an_accepted_target_gives_one_gripper_and_one_arm_command(bench):
    reply = bench.start()
    assert reply.target.pose.position.x == pytest.approx(0.28)
    assert reply.target.header.frame_id == 'wx250s/base_link'
    assert bench.arm.groups == []
    executed = bench.answer((0.30, 0.0, 0.16), gripper=0.0)
    bench.wait(lambda: bench.arm.groups and bench.arm.singles, 'commands')
    assert len(bench.arm.groups) == len(bench.arm.singles) == 1
    assert bench.arm.groups[0].name == 'arm'
    assert len(bench.arm.groups[0].cmd) == 6
    assert bench.arm.singles[0].name == 'gripper'
    # The gap between fingers 0.010 m from the centre; half of it would be unreachable.
    assert bench.arm.singles[0].cmd == pytest.approx(0.020)
    assert (executed.episode_id, executed.step, executed.policy_version) == ('e1', 3, 'p7')
    assert executed.pose.position.z == pytest.approx(0.16)
    assert not executed.limited
    assert executed.reason == ''


def test_a_target_before_go_to_start_is_refused_and_nothing_moves(bench):
    bench.connect()
    executed = bench.answer((0.30, 0.0, 0.16))
    assert executed.limited
    assert 'call go_to_start' in executed.reason
    assert executed.arm_fault
    assert executed.pose.position.x == pytest.approx(0.28, abs=1e-3)
    assert bench.arm.groups == []
    bench.diagnosis('go_to_start')


@pytest.mark.parametrize(
    ('position', 'changes', 'reason'),
    [
        ((float('nan'), 0.0, 0.16), {}, 'give finite numbers'),
        ((0.30, 0.0, 0.16), {'frame_id': 'world'}, "give it in 'wx250s/base_link'"),
        ((0.30, 0.0, 0.16), {'gripper': 2.0}, 'give 0 (closed)'),
    ],
)
def test_a_bad_target_repeats_the_last_command_and_says_why(bench, position, changes, reason):
    bench.start()
    before = list(bench.arm.joints)
    executed = bench.answer(position, **changes)
    assert executed.limited
    assert not executed.arm_fault  # another target would be taken
    assert reason in executed.reason
    assert executed.pose.position.x == pytest.approx(0.28)
    bench.wait(lambda: bench.arm.groups and bench.arm.singles, 'repeated commands')
    assert list(bench.arm.groups[0].cmd) == pytest.approx(before)


@pytest.mark.parametrize(
    ('overrides', 'reason'),
    [
        ({'elbow': -np.pi}, 'elbow is -pi: failed bus read'),
        ({'shoulder': np.nan}, 'shoulder is nan: failed bus read'),
        ({'wrist_angle': None}, 'wrist_angle is missing'),
    ],
)
def test_an_arm_that_cannot_be_read_holds_until_it_can(bench, overrides, reason):
    bench.start()
    bench.arm.overrides = overrides
    status = bench.diagnosis(reason)
    assert status.level == b'\x02'
    executed = bench.answer((0.30, 0.0, 0.16))
    assert reason in executed.reason
    assert executed.pose.position.x == pytest.approx(0.28)
    bench.arm.overrides = {}
    bench.diagnosis('follows targets')
    assert not bench.answer((0.30, 0.0, 0.16)).limited


def test_stop_holds_until_resume(bench):
    bench.start()
    assert bench.call(bench.arm.stop, Trigger.Request()).success
    held = bench.answer((0.30, 0.0, 0.16))
    assert 'stopped by the operator' in held.reason
    assert not held.arm_fault  # whoever stops it may let the episode go on
    assert 'stopped' in bench.call(bench.arm.go_to_start, GoToStart.Request()).message
    assert bench.diagnosis('stopped').level == b'\x01'
    assert bench.call(bench.arm.resume, Trigger.Request()).success
    assert not bench.answer((0.30, 0.0, 0.16)).limited


def test_silence_of_the_policy_and_of_the_arm_are_named(bench):
    bench.start()
    bench.arm.episodes.publish(EpisodeStatus(state=EpisodeStatus.RUNNING, episode_id='e1'))
    assert not bench.answer((0.30, 0.0, 0.16)).limited
    assert bench.diagnosis('no target for').level == b'\x01'
    commands = len(bench.arm.groups)
    bench.arm.is_silent = True
    assert bench.diagnosis('joint_states are').level == b'\x02'
    assert len(bench.arm.groups) == commands


def test_diagnostics_count_targets(bench):
    bench.start()
    bench.answer((0.30, 0.0, 0.16))
    bench.arm.send_target((0.30, 0.0, 0.16), frame_id='world')
    status = bench.diagnosis('frame')
    values = {pair.key: pair.value for pair in status.values}
    assert status.name == 'wx250s: driver'
    assert (values['targets_accepted'], values['targets_held']) == ('1', '1')
    assert values['servos_prepared'] == 'true'


def test_go_to_start_in_lock_step(sleeping_bench, shell):
    bench = sleeping_bench
    bench.start()
    assert bench.arm.joints == pytest.approx(shell.start_command.joint_positions, abs=1e-6)
    way = np.array([SLEEP] + [list(message.cmd) for message in bench.arm.groups])
    assert np.max(np.abs(np.diff(way, axis=0))) <= 0.5 * 0.2 + 1e-6
    assert len(bench.arm.groups) == len(bench.arm.singles)
    elapsed_s = bench.arm.sim_time_s - 1000.0
    assert elapsed_s == pytest.approx(0.2 * len(bench.arm.groups), abs=1e-6)
    executed = bench.answer((0.30, 0.0, 0.16))
    assert not executed.limited
    again = bench.call(bench.arm.go_to_start, GoToStart.Request())
    assert again.success


def test_stop_ends_the_way_to_the_start_pose(sleeping_bench):
    bench = sleeping_bench
    bench.connect()
    bench.wait(bench.arm.go_to_start.service_is_ready, 'go_to_start')
    reply = bench.arm.go_to_start.call_async(GoToStart.Request())
    bench.wait(lambda: len(bench.arm.groups) >= 5, 'the first set-points')
    bench.call(bench.arm.stop, Trigger.Request())
    bench.wait(reply.done, 'go_to_start')
    assert not reply.result().success
    assert 'stopped' in reply.result().message


def test_a_restarted_simulation_is_met_by_a_hold(sleeping_bench):
    bench = sleeping_bench
    bench.start()
    bench.arm.sim_time_s = 500.0
    bench.arm.publish_state()
    bench.arm.servos.registers['Profile_Velocity'] = [0] * 7
    bench.wait(
        lambda: bench.arm.servos.registers['Profile_Velocity'] == [200] * 7, 'the profile again'
    )
    executed = bench.answer((0.30, 0.0, 0.16))
    assert 'call go_to_start' in executed.reason
    assert bench.call(bench.arm.go_to_start, GoToStart.Request()).success
    assert not bench.answer((0.30, 0.0, 0.16)).limited


def test_a_hot_servo_and_a_lost_camera_hold(bench):
    bench.start()
    frame = CameraInfo()
    frame.header.stamp = bench.arm.now()
    bench.arm.frames.publish(frame)
    bench.arm.episodes.publish(EpisodeStatus(state=EpisodeStatus.RUNNING, episode_id='e1'))
    bench.diagnosis('camera frame is')
    assert 'check the camera' in bench.answer((0.30, 0.0, 0.16)).reason
    bench.arm.servos.registers['Present_Temperature'][1] = 72
    assert bench.diagnosis('shoulder is 72 degC').level == b'\x02'


def test_park_leads_to_the_rest_pose_and_holds_there(sleeping_bench):
    bench = sleeping_bench
    bench.start()
    reply = bench.call(bench.arm.park, Trigger.Request())
    assert reply.success, reply.message
    assert bench.arm.joints == pytest.approx(SLEEP, abs=1e-6)
    assert 'torque_enable' not in bench.arm.servos.services()
    assert 'call go_to_start' in bench.answer((0.30, 0.0, 0.16)).reason


def test_nothing_blocks_while_the_arm_is_absent(ros_domain, task_file, backend):
    driver = TalkativeDriver(
        namespace='wx250s', parameter_overrides=[Parameter('task_file', value=str(task_file))]
    )
    watcher = rclpy.create_node('watcher')
    heard = []
    watcher.create_subscription(DiagnosticArray, '/diagnostics', heard.append, 10)
    executor = SingleThreadedExecutor()
    executor.add_node(driver)
    executor.add_node(watcher)
    end_s = time.monotonic() + LIMIT_S
    while not heard and time.monotonic() < end_s:
        executor.spin_once(timeout_sec=0.05)
    executor.shutdown()
    driver.destroy_node()
    watcher.destroy_node()
    assert 'no joint_states yet' in heard[0].status[0].message


@pytest.mark.parametrize('watched', [True, False])
def test_effort_is_watched_unless_switched_off(start_bench, shell, watched):
    start = shell.start_command
    bench = start_bench(start.joint_positions, start.finger_m, watch_effort=watched)
    bench.start()
    bench.arm.effort = 5000.0
    bench.let_pass(3.0)  # longer than the effort window
    bench.arm.diagnostics.clear()
    bench.wait(lambda: bench.arm.diagnostics, 'diagnostics')
    said = bench.arm.diagnostics[-1].status[0].message
    assert ('pushes with 5000' in said) == watched
