# SPDX-License-Identifier: Apache-2.0
import pytest

from widowx_operator.gamepad import Gamepad, GamepadError
from widowx_operator.key_map import command_of
from widowx_operator.teleoperation import Teleoperation


def buttons(*down):
    return [int(index in down) for index in range(21)]


def test_sticks_move_as_they_point():
    # Left stick up and a little left, right stick down and right.
    motion, keys = Gamepad().read([0.25, 1.0, -0.5, -1.0, 0.0, 0.0], buttons())
    assert motion.tolist() == [1.0, 0.25, -1.0, 0.0, 0.0, -0.5]
    assert not keys


def test_held_buttons_turn_and_pressed_ones_are_keys_once():
    gamepad = Gamepad()
    motion, keys = gamepad.read([0.0] * 6, buttons(0, 3, 9, 12))
    assert motion.tolist() == pytest.approx([0, 0, 0, 0.3, -0.3, 0])
    assert keys == ['g', 'y']
    assert gamepad.read([0.0] * 6, buttons(0, 3))[1] == []
    assert gamepad.read([0.0] * 6, buttons())[1] == []
    assert gamepad.read([0.0] * 6, buttons(7))[1] == [' ']


def test_every_button_key_means_something():
    for index in range(15):
        for key in Gamepad().read([0.0] * 6, buttons(index))[1]:
            assert command_of(key) or Teleoperation().press(key, 0.0)


@pytest.mark.parametrize(
    ('axes', 'count', 'words'),
    [
        ([0.0] * 2, 21, '2 axes and 21 buttons.*game_controller_node'),
        ([0.0] * 6, 11, '6 axes and 11 buttons'),
        ([0.0, float('nan'), 0.0, 0.0], 21, 'not finite'),
    ],
)
def test_another_layout_is_refused_by_its_numbers(axes, count, words):
    with pytest.raises(GamepadError, match=words):
        Gamepad().read(axes, [0] * count)
