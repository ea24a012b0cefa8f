# SPDX-License-Identifier: Apache-2.0
import math

from reward_detector.verdict.gripper_pairing import GripperPairing


def ready(paired):
    return [(item.frame, item.gripper_opening) for item in paired]


def test_joint_state_first():
    pairing = GripperPairing(0.5)
    assert pairing.add_opening(10.0, 0.3) == []
    assert ready(pairing.add_frame(10.0, 'a')) == [('a', 0.3)]


def test_frame_first_waits_for_its_joint_state():
    pairing = GripperPairing(0.5)
    pairing.add_opening(9.99, 0.9)
    assert pairing.add_frame(10.0, 'a') == []
    assert ready(pairing.add_opening(10.0, 0.3)) == [('a', 0.3)]
    assert pairing.add_opening(10.01, 0.4) == []


def test_next_frame_ends_the_wait():
    pairing = GripperPairing(0.5)
    pairing.add_opening(9.8, 0.9)
    pairing.add_frame(10.0, 'a')
    assert ready(pairing.add_frame(10.2, 'b')) == [('a', 0.9)]


def test_without_joint_states_every_frame_is_answered_with_nan():
    pairing = GripperPairing(0.5)
    assert pairing.add_frame(10.0, 'a') == []
    ((frame, opening),) = ready(pairing.add_frame(10.0, 'a again'))
    assert frame == 'a'
    assert math.isnan(opening)


def test_old_joint_state_is_no_evidence():
    pairing = GripperPairing(0.5)
    pairing.add_opening(5.0, 0.9)
    pairing.add_frame(10.0, 'a')
    ((_, opening),) = ready(pairing.add_frame(10.2, 'b'))
    assert math.isnan(opening)


def test_clock_restart_drops_the_waiting_frame():
    pairing = GripperPairing(0.5)
    pairing.add_opening(99.0, 0.9)
    pairing.add_frame(100.0, 'old')
    assert pairing.add_opening(98.5, 0.1) == []  # merely out of order
    assert pairing.add_opening(5.0, 0.2) == []
    assert ready(pairing.add_frame(5.0, 'new')) == [('new', 0.2)]
