# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
import re

import numpy as np
import pytest

from widowx_driver.arm.kinematics import forward_kinematics
from widowx_driver.arm.pose import rotation_from_vector, STRAIGHT_DOWN
from widowx_driver.arm.state import ArmState
from widowx_driver.safety.command import Command, Hold, Target

DOWN_XYZW = np.array([0.0, np.sqrt(0.5), 0.0, np.sqrt(0.5)])


def target(position, stamp_s=100.2, **changes):
    return replace(
        Target(
            stamp_s=stamp_s,
            frame_id='wx250s/base_link',
            position=np.array(position, dtype=float),
            quaternion_xyzw=DOWN_XYZW,
            gripper=1.0,
        ),
        **changes,
    )


def at(shell, stamp_s):
    """The arm exactly where it was commanded."""
    return ArmState(
        stamp_s=stamp_s,
        joint_positions=shell.last_command.joint_positions,
        finger_m=shell.last_command.finger_m,
    )


def test_a_reachable_target_is_executed_as_it_is(started):
    command = started.command(target([0.30, 0.0, 0.16]), at(started, 100.2), 100.2)
    assert isinstance(command, Command)
    assert not command.limited
    assert command.reason == ''
    assert np.allclose(command.executed.position, [0.30, 0.0, 0.16])
    reached = forward_kinematics(command.joint_positions)
    assert np.allclose(reached.position, [0.30, 0.0, 0.16], atol=1e-4)
    assert np.allclose(reached.rotation, STRAIGHT_DOWN, atol=1e-3)
    assert command.finger_m == pytest.approx(0.037)


def test_a_far_target_is_shortened_and_says_so(started):
    command = started.command(target([0.40, 0.02, 0.18]), at(started, 100.2), 100.2)
    assert command.limited
    assert command.reason == 'translation step'
    assert np.allclose(command.executed.position, [0.33, 0.02, 0.18])


def test_the_next_delta_counts_from_the_executed_target(started):
    started.command(target([0.40, 0.02, 0.18]), at(started, 100.2), 100.2)
    second = started.command(target([0.36, 0.02, 0.18], 100.4), at(started, 100.4), 100.4)
    assert not second.limited
    assert np.allclose(second.executed.position, [0.36, 0.02, 0.18])


def test_a_target_out_of_reach_is_rolled_back(started):
    """A far upper corner of the box is beyond the arm with the gripper straight down."""
    now_s, held = 100.0, None
    for _ in range(6):
        now_s += 0.2
        before = started.last_command
        held = started.command(target([0.40, 0.20, 0.22], now_s), at(started, now_s), now_s)
    assert isinstance(held, Hold)
    assert 'inverse kinematics: no joint positions reach (0.400, 0.' in held.reason
    assert started.last_command is before
    now_s += 0.2
    back = started.command(target([0.35, 0.10, 0.17], now_s), at(started, now_s), now_s)
    assert isinstance(back, Command)


def test_a_step_of_too_much_joint_travel_is_shortened(started):
    """Near the base, a sideways step with a turn of the wrist adds up at wrist_rotate."""
    now_s = 100.0
    for position in ([0.23, 0.0, 0.15], [0.18, 0.0, 0.15], [0.18, 0.0, 0.15]):
        now_s += 0.2
        started.command(target(position, now_s), at(started, now_s), now_s)
    before = started.last_command
    turned = rotation_from_vector(np.array([0.0, 0.0, -0.25])) @ STRAIGHT_DOWN
    pose = replace(before.executed, rotation=turned)
    now_s += 0.2
    command = started.command(
        target([0.18, 0.05, 0.15], now_s, quaternion_xyzw=pose.quaternion_xyzw()),
        at(started, now_s),
        now_s,
    )
    assert command.reason == 'joint step'
    assert np.max(np.abs(command.joint_positions - before.joint_positions)) <= 0.5
    assert 0.03 < command.executed.position[1] < 0.05


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'position': np.array([np.nan, 0.0, 0.1])}, 'position is .nan.*give finite'),
        ({'position': np.array([0.3, np.inf, 0.1])}, 'position is .*inf'),
        ({'position': np.array([0.3, 0.1])}, r'position has shape \(2,\)'),
        ({'quaternion_xyzw': np.zeros(4)}, 'quaternion has length 0'),
        ({'quaternion_xyzw': np.array([0, 0, 0, 2.0])}, 'quaternion has length 2'),
        ({'quaternion_xyzw': np.full(4, np.nan)}, 'orientation is .*nan'),
        ({'frame_id': 'world'}, "frame 'world'; give it in 'wx250s/base_link'"),
        ({'gripper': 1.5}, 'gripper is 1.5; give 0'),
        ({'gripper': np.nan}, 'gripper nan'),
        ({'stamp_s': np.nan}, 'stamp nan'),
        ({'stamp_s': 99.0}, 'observation 1.20 s old'),
        ({'stamp_s': 160.0}, 'in the future'),
    ],
)
def test_malformed_targets_are_refused_by_name(started, changes, reason):
    before = started.last_command
    held = started.command(
        replace(target([0.30, 0.0, 0.16]), **changes), at(started, 100.2), 100.2
    )
    assert isinstance(held, Hold)
    assert re.search(reason, held.reason), held.reason
    assert started.last_command is before


def test_a_repeated_or_older_stamp_is_refused(started):
    started.command(target([0.30, 0.0, 0.16], 100.2), at(started, 100.2), 100.2)
    for stamp_s in (100.2, 100.1):
        held = started.command(target([0.31, 0.0, 0.16], stamp_s), at(started, 100.4), 100.4)
        assert 'not newer than the last accepted' in held.reason


def test_a_burst_is_refused_after_its_first_target(started):
    started.command(target([0.30, 0.0, 0.16], 100.2), at(started, 100.2), 100.2)
    held = started.command(target([0.32, 0.0, 0.16], 100.21), at(started, 100.21), 100.21)
    assert 'came 0.010 s after the last' in held.reason


@pytest.mark.parametrize(
    ('state', 'reason'),
    [
        ({'fault': 'joint_states: elbow is -pi: failed bus read'}, 'elbow is -pi'),
        ({'stamp_s': 99.9}, 'joint_states are 0.30 s old'),
        ({'joint_positions': np.zeros(6)}, 'from its command: the arm does not follow'),
    ],
)
def test_an_arm_that_cannot_be_believed_is_not_moved(started, state, reason):
    held = started.command(target([0.30, 0.0, 0.16]), replace(at(started, 100.2), **state), 100.2)
    assert isinstance(held, Hold)
    assert reason in held.reason
    assert held.did_not_follow == ('does not follow' in reason)


def test_an_arm_that_left_its_commands_is_told_from_silent_servos(started):
    state = at(started, 100.0)
    off = state.joint_positions + np.array([0.3, 0, 0, 0, 0, 0])
    states = [replace(state, stamp_s=t, joint_positions=off) for t in (100.1, 100.2, 100.3)]
    assert [started.watch(each) is None for each in states] == [True, True, False]
    held = started.command(target([0.30, 0.0, 0.16], 100.3), states[-1], 100.3)
    assert (held.is_arm_fault, held.did_not_follow) == (True, True)
    started.note_servo_fault('waist, or every servo, does not answer')
    held = started.command(target([0.30, 0.0, 0.16], 100.3), states[-1], 100.3)
    assert (held.is_arm_fault, held.did_not_follow) == (True, False)


def test_without_joint_states_or_start_nothing_moves(shell, state_at_start):
    assert 'no joint_states' in shell.command(target([0.3, 0.0, 0.16]), None, 100.2).reason
    state = replace(state_at_start, stamp_s=100.2)
    held = shell.command(target([0.3, 0.0, 0.16]), state, 100.2)
    assert 'call go_to_start' in held.reason
    assert shell.last_command is None
    pose, opening = shell.standing(state)
    assert np.allclose(pose.position, [0.28, 0.02, 0.18], atol=1e-4)
    assert opening == 1.0


def test_start_is_refused_away_from_the_start_pose(shell, state_at_start):
    joints = state_at_start.joint_positions + np.array([0, 0, 0.2, 0, 0, 0])
    held = shell.start(replace(state_at_start, joint_positions=joints), 100.0)
    assert held.reason == 'elbow is +0.200 rad from the start pose; call go_to_start'
    assert shell.last_command is None


def test_stop_holds_until_resume_and_the_target_stays(started):
    started.command(target([0.30, 0.0, 0.16], 100.2), at(started, 100.2), 100.2)
    before = started.last_command
    started.stop()
    held = started.command(target([0.31, 0.0, 0.16], 100.4), at(started, 100.4), 100.4)
    assert 'stopped by the operator; call resume' in held.reason
    assert 'stopped' in started.start(at(started, 100.4), 100.4).reason
    assert started.last_command is before
    started.resume()
    command = started.command(target([0.31, 0.0, 0.16], 100.6), at(started, 100.6), 100.6)
    assert isinstance(command, Command)


def test_a_stop_that_lasts_ends_the_episode_of_a_policy_that_goes_on(started):
    started.stop()
    faults = []
    for now_s in (100.2, 100.6, 101.0, 101.2, 101.4):
        held = started.command(target([0.3, 0.0, 0.16], now_s), at(started, now_s), now_s)
        faults.append(held.is_arm_fault)
    assert faults == [False, False, False, True, True]
    # A policy that paused in between did not go on.
    held = started.command(target([0.3, 0.0, 0.16], 109.0), at(started, 109.0), 109.0)
    assert not held.is_arm_fault
    started.resume()
    started.stop()
    held = started.command(target([0.3, 0.0, 0.16], 109.2), at(started, 109.2), 109.2)
    assert not held.is_arm_fault


def test_watchdog_holds_after_three_silent_periods_of_a_running_episode(started):
    started.set_episode_running(True, 100.0)
    started.command(target([0.30, 0.0, 0.16], 100.2), at(started, 100.2), 100.2)
    assert started.check(at(started, 100.8), 100.8) is None
    held = started.check(at(started, 100.85), 100.85)
    assert held.reason == 'no target for 0.65 s (limit 0.60 s); check the policy'
    started.command(target([0.31, 0.0, 0.16], 100.9), at(started, 100.9), 100.9)
    assert started.check(at(started, 101.0), 101.0) is None
    started.set_episode_running(False, 101.0)
    assert started.check(at(started, 109.0), 109.0) is None


def test_watchdog_counts_from_the_begin_of_the_episode(started):
    started.set_episode_running(True, 200.0)
    assert started.check(at(started, 200.5), 200.5) is None
    assert 'no target' in started.check(at(started, 200.7), 200.7).reason


def test_watchdog_names_old_joint_states(started):
    assert 'joint_states are 0.21 s old' in started.check(at(started, 100.0), 100.21).reason


@pytest.mark.parametrize('stamp_s', [50.0, 101.6])
def test_a_restarted_clock_or_arm_is_forgotten(started, state_at_start, stamp_s):
    assert not started.observe(state_at_start)
    assert not started.observe(replace(state_at_start, stamp_s=100.5))
    assert started.observe(replace(state_at_start, stamp_s=stamp_s))
    held = started.command(target([0.3, 0.0, 0.16], stamp_s), at_start(started, stamp_s), stamp_s)
    assert 'call go_to_start' in held.reason


def test_a_gap_in_the_drivers_own_reboot_is_no_restart_but_a_clock_set_back_is(
    started, state_at_start
):
    started.observe(state_at_start)
    started.forget('servos were rebooted')
    assert not started.observe(replace(state_at_start, stamp_s=107.3), is_rebooting=True)
    assert started.lost == 'servos were rebooted'
    assert started.observe(replace(state_at_start, stamp_s=50.0), is_rebooting=True)


def at_start(shell, stamp_s):
    start = shell.start_command
    return ArmState(
        stamp_s=stamp_s, joint_positions=start.joint_positions, finger_m=start.finger_m
    )
