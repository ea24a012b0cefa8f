# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_driver.arm.state import ArmState
from widowx_driver.driver_config import DriverConfig
from widowx_driver.safety.motion_watch import EFFORT_LIMITS, MotionWatch


def state(stamp_s, joints, efforts=None):
    return ArmState(
        stamp_s=stamp_s, joint_positions=np.array(joints, float), finger_m=0.02, efforts=efforts
    )


@pytest.fixture
def watch():
    return MotionWatch(DriverConfig())


def test_a_lagging_arm_is_inside_the_band_of_its_commands(watch):
    """2.5 rad/s, 0.25 s behind: 0.6 rad off its last command, and healthy."""
    for tick in range(100):
        now_s = 0.01 * tick
        if tick % 20 == 0:
            watch.note_command(now_s, np.full(6, 2.5 * now_s + 0.5))
        assert watch.fault(state(now_s, np.full(6, max(0.5, 2.5 * (now_s - 0.05))))) == ''


def test_a_joint_that_lets_go_is_named_after_three_states(watch):
    watch.note_command(0.0, np.zeros(6))
    fallen = [0, 0, 0.25, 0, 0, 0]
    assert watch.fault(state(0.01, fallen)) == ''
    assert watch.fault(state(0.02, fallen)) == ''
    assert watch.fault(state(0.03, fallen)).startswith('elbow is +0.25 rad off its commands')


def test_repeated_states_and_single_misreadings_are_no_evidence(watch):
    watch.note_command(0.0, np.zeros(6))
    for _ in range(10):
        assert watch.fault(state(0.01, [1.0, 0, 0, 0, 0, 0])) == ''
    assert watch.fault(state(0.02, np.zeros(6))) == ''
    assert watch.fault(state(0.03, [1.0, 0, 0, 0, 0, 0])) == ''


def test_old_commands_leave_the_band(watch):
    watch.note_command(0.0, np.zeros(6))
    watch.note_command(0.2, np.full(6, 1.0))
    assert watch.fault(state(0.3, np.zeros(6))) == ''
    faults = [watch.fault(state(1.0 + 0.01 * tick, np.zeros(6))) for tick in range(3)]
    assert 'rad off its commands' in faults[-1]


def push(watch, efforts, joints=lambda now_s: np.zeros(6)):
    faults = ''
    for tick in range(170):
        now_s = 0.01 * tick
        faults = faults or watch.fault(state(now_s, joints(now_s), efforts))
    return faults


def test_an_arm_that_stands_and_pushes_is_named(watch):
    efforts = np.array([0, 1000, 1100.0, 0, 0, 0])
    assert push(watch, efforts).startswith('elbow pushes with 1100 (limit 1030')


def test_carrying_and_accelerating_are_no_pushing(watch):
    assert push(watch, 0.99 * EFFORT_LIMITS) == ''
    moving = MotionWatch(DriverConfig())
    assert push(moving, 5.0 * EFFORT_LIMITS, lambda now_s: np.full(6, 0.2 * now_s)) == ''
