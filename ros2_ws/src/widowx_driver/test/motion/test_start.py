# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from widowx_description.arm import joint_limits
from widowx_driver.arm.kinematics import forward_kinematics, InverseKinematics
from widowx_driver.arm.pose import join_tilt_and_yaw, Pose
from widowx_driver.arm.state import ArmState
from widowx_driver.driver_config import DriverConfig
from widowx_driver.motion.joint_ramp import joint_ramp
from widowx_driver.motion.slow import MotionResult
from widowx_driver.motion.start import StartMotion
from widowx_driver.safety.command import Command

SLEEP = ArmState(
    stamp_s=50.0, joint_positions=np.array([0, -1.80, 1.55, 0, 0.8, 0]), finger_m=0.02
)


@pytest.fixture
def motion(shell, task):
    return StartMotion(shell, DriverConfig(), task)


def run_in_lock_step(motion, state, limit=100):
    """An arm that obeys at once and whose time moves only when it is commanded."""
    sent = []
    for _ in range(limit):
        step = motion.advance(state, state.stamp_s)
        if isinstance(step, MotionResult):
            return step, sent
        if step is not None:
            sent.append(step)
            state = ArmState(
                stamp_s=round(state.stamp_s + 0.2, 6),
                joint_positions=step.joint_positions,
                finger_m=step.finger_m,
            )
    raise AssertionError('the motion did not end')


def test_from_sleep_to_start_slowly_and_in_lock_step(motion, shell):
    assert motion.begin(SLEEP, 50.0) is None
    result, sent = run_in_lock_step(motion, SLEEP)
    assert result == MotionResult(success=True, message='at the start pose')
    assert not motion.is_active
    assert np.allclose(sent[-1].joint_positions, shell.start_command.joint_positions)
    joints = np.vstack([SLEEP.joint_positions] + [command.joint_positions for command in sent])
    assert np.max(np.abs(np.diff(joints, axis=0))) <= 0.5 * 0.2 + 1e-9
    assert shell.last_command is shell.start_command


def test_an_arm_at_its_start_does_not_move(motion, shell, state_at_start):
    near = replace(state_at_start, joint_positions=state_at_start.joint_positions + 0.004)
    result = motion.begin(near, 100.0)
    assert result.success
    assert not motion.is_active
    assert shell.last_command is shell.start_command


def test_a_closed_gripper_at_the_start_pose_is_opened(motion, state_at_start):
    closed = replace(state_at_start, finger_m=0.015)
    assert motion.begin(closed, 100.0) is None
    result, sent = run_in_lock_step(motion, closed)
    assert result.success
    assert len(sent) == 5
    assert all(command.finger_m == pytest.approx(0.037) for command in sent)


def test_one_set_point_per_period_of_the_arms_own_stamps(motion):
    motion.begin(SLEEP, 50.0)
    sent = [
        motion.advance(replace(SLEEP, stamp_s=50.0 + 0.01 * tick), 50.0 + 0.01 * tick)
        for tick in range(41)
    ]
    assert [tick for tick, command in enumerate(sent) if command is not None] == [0, 20, 40]


def test_an_arm_that_does_not_arrive_is_a_failure_by_name(motion, shell):
    motion.begin(SLEEP, 50.0)
    outcome, now_s = None, 50.0
    while not isinstance(outcome, MotionResult):
        outcome = motion.advance(replace(SLEEP, stamp_s=now_s), now_s)
        now_s += 0.2
        assert now_s < 100.0
    assert not outcome.success
    assert 'rad from the start pose' in outcome.message
    assert shell.last_command is None


def test_stop_and_bad_states_end_it(motion, shell):
    motion.begin(SLEEP, 50.0)
    motion.advance(SLEEP, 50.0)
    broken = replace(SLEEP, stamp_s=50.2, fault='joint_states: elbow is nan')
    assert motion.advance(broken, 50.2) == MotionResult(success=False, message=broken.fault)
    shell.stop()
    assert 'stopped' in motion.begin(SLEEP, 50.0).message
    assert 'no joint_states' not in motion.begin(None, 50.0).message


def test_without_joint_states_there_is_no_way(motion):
    assert 'no joint_states yet' in motion.begin(None, 50.0).message
    assert '3.00 s old' in motion.begin(SLEEP, 53.0).message


def test_an_arm_lying_in_the_joint_margin_is_led_out_of_it(motion):
    lower, upper = joint_limits(0.05)
    outside = SLEEP.joint_positions.copy()
    outside[1] = lower[1] - 0.04
    limp = replace(SLEEP, joint_positions=outside)
    motion.begin(limp, 50.0)
    _, sent = run_in_lock_step(motion, limp)
    for command in sent:
        assert isinstance(command, Command)
        assert np.all(command.joint_positions >= lower)
        assert np.all(command.joint_positions <= upper)


def test_no_way_from_the_workspace_dips_below_its_lower_end(shell, task):
    """The straight way through joint space must not sweep the table."""
    inverse = InverseKinematics(0.05)
    rng, goal = np.random.default_rng(5), shell.start_command
    for _ in range(40):
        position = rng.uniform(task.workspace.low, [0.40, 0.26, 0.12])
        rotation = join_tilt_and_yaw(np.zeros(3), rng.uniform(-0.57, 0.57))
        joints = inverse.solve_cold(Pose(position=position, rotation=rotation))
        way = joint_ramp(joints, goal.joint_positions, 0.5, 0.2)
        heights = [forward_kinematics(set_point).position[2] for set_point in way]
        assert min(heights) > position[2] - 0.005
