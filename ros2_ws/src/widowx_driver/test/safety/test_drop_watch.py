# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from widowx_driver.arm.state import read_arm_state
from widowx_driver.safety.drop_watch import DropWatch

NAMES = ('waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate')
NAMES += ('gripper', 'left_finger')


def suspicions(efforts_of_one, joint=1, fault=''):
    """What is said about each state of one servo; the others hold with 100 mA."""
    watch, said = DropWatch(), []
    for tick, effort in enumerate(efforts_of_one):
        efforts = np.full(8, 100.0)
        efforts[joint] = effort
        state = read_arm_state(0.01 * tick, NAMES, [0.0] * 7 + [0.02], efforts)
        said.append(watch.suspects(replace(state, fault=fault)))
    return said


@pytest.mark.parametrize('joint', [1, 6])
def test_a_servo_that_lets_go_is_suspected_once_in_its_third_silent_state(joint):
    said = suspicions([-400.0] * 5 + [0.0, -2.69, 0.0, 0.0, 0.0], joint)
    assert said == [False] * 7 + [True, False, False]


def test_coming_to_rest_turning_round_and_a_moment_of_silence_are_nothing():
    assert not any(suspicions([400.0, 100.0, 10.0, 2.0, 0.0, 0.0, 0.0]))
    assert not any(suspicions([60.0, 30.0, 2.0, -2.0, -30.0, -60.0]))
    assert not any(suspicions([60.0, 0.0, 0.0, 60.0, 0.0, 0.0, 60.0]))
    assert not any(suspicions([0.0] * 10))


def test_failed_reads_and_an_arm_without_efforts_say_nothing():
    assert not any(suspicions([400.0, 0.0, 0.0, 0.0], fault='failed bus read'))
    watch = DropWatch()
    for tick in range(5):
        assert not watch.suspects(read_arm_state(0.01 * tick, NAMES, [0.0] * 7 + [0.02]))


def test_a_repeated_state_says_nothing_new():
    watch = DropWatch()
    pushing, silent = (
        read_arm_state(stamp_s, NAMES, [0.0] * 7 + [0.02], [effort] * 8)
        for stamp_s, effort in ((1.0, 400.0), (1.01, 0.0))
    )
    assert not watch.suspects(pushing)
    assert not any(watch.suspects(silent) for _ in range(5))
