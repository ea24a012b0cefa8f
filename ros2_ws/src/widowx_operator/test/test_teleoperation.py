# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_operator.teleoperation import hold_action, Teleoperation


def act(keys, gripper_target=1.0):
    teleoperation = Teleoperation()
    for key in keys:
        assert teleoperation.press(key, 10.0)
    return teleoperation.action(10.1, gripper_target).tolist()


@pytest.mark.parametrize(
    ('keys', 'action'),
    [
        ('', [0, 0, 0, 0, 0, 0, 1]),
        ('w', [0.3, 0, 0, 0, 0, 0, 1]),
        ('www', [0.3, 0, 0, 0, 0, 0, 1]),  # a held key repeats itself
        ('Wa', [1, 0.3, 0, 0, 0, 0, 1]),
        ('wW', [1, 0, 0, 0, 0, 0, 1]),
        ('Rf', [0, 0, 0.7, 0, 0, 0, 1]),
        ('uKj', [0, 0, 0, 0.3, -1, 0.3, 1]),
        ('g', [0, 0, 0, 0, 0, 0, -1]),
        ('gh', [0, 0, 0, 0, 0, 0, 1]),
    ],
)
def test_action_of_keys(keys, action):
    assert act(keys) == pytest.approx(action)


def test_gripper_stays_as_it_is_commanded():
    assert act('', gripper_target=0.0)[6] == -1.0
    assert act('h', gripper_target=0.0)[6] == 1.0


def test_a_press_moves_one_step_and_not_when_it_is_old():
    teleoperation = Teleoperation()
    teleoperation.press('w', 10.0)
    assert teleoperation.action(10.2, 1.0)[0] == pytest.approx(0.3)
    assert teleoperation.action(10.4, 1.0)[0] == 0.0
    teleoperation.press('w', 10.5)
    teleoperation.press('g', 10.5)
    assert teleoperation.action(11.1, 1.0).tolist() == [0.0] * 6 + [1.0]


def test_a_held_stick_moves_on_until_the_gamepad_falls_silent():
    teleoperation = Teleoperation()
    teleoperation.hold_stick(np.array([0.5, 0.0, -1.0, 0.0, 0.0, 0.2]), 10.0)
    teleoperation.press('w', 10.0)
    assert teleoperation.action(10.1, 1.0).tolist() == pytest.approx([0.8, 0, -1, 0, 0, 0.2, 1])
    assert teleoperation.action(10.3, 1.0)[0] == pytest.approx(0.5)
    assert not teleoperation.action(10.6, 1.0)[:6].any()


def test_idle_until_something_is_pressed_or_held():
    teleoperation = Teleoperation()
    assert teleoperation.is_idle(10.0)
    teleoperation.press('w', 10.0)
    assert not teleoperation.is_idle(10.4)
    assert teleoperation.is_idle(10.6)
    teleoperation.hold_stick(np.zeros(6), 11.0)
    assert teleoperation.is_idle(11.0)
    teleoperation.hold_stick(np.array([0, 0, 0, 0, 0, -0.1]), 12.0)
    assert not teleoperation.is_idle(12.0)
    assert hold_action(0.2).tolist() == [0.0] * 6 + [-1.0]


def test_keys_that_do_not_move_are_left_to_others():
    assert not Teleoperation().press('y', 0.0)
