# SPDX-License-Identifier: Apache-2.0
"""Reads a gamepad as keys and sticks, in the order of `game_controller_node` (package `joy`)."""

from collections.abc import Sequence

import numpy as np

from parl_files.error import ParlError
from widowx_operator.key_map import Command, SLOW

LEFT_X, LEFT_Y, RIGHT_X, RIGHT_Y = range(4)
"""Axes; left and up are positive."""
AXIS_ENTRIES = {LEFT_Y: 0, LEFT_X: 1, RIGHT_Y: 2, RIGHT_X: 5}
"""Action entry that each axis moves: forward, left, up, counter-clockwise seen from above."""

A, B, X, Y, BACK, _GUIDE, START, LEFT_STICK, RIGHT_STICK, LEFT_SHOULDER, RIGHT_SHOULDER = range(11)
PAD_UP, PAD_DOWN, PAD_LEFT, PAD_RIGHT = range(11, 15)
HELD_BUTTONS = {
    LEFT_SHOULDER: (3, SLOW),
    RIGHT_SHOULDER: (3, -SLOW),
    PAD_UP: (4, SLOW),
    PAD_DOWN: (4, -SLOW),
}
"""Roll and pitch: the action entry, and its value while the button is held down."""
KEYS = {
    A: 'g',
    B: 'h',
    Y: Command.SUCCESS.value,
    X: Command.FAILURE.value,
    BACK: Command.DISCARD.value,
    START: Command.CONFIRM.value,
    PAD_RIGHT: Command.BEGIN.value,
    PAD_LEFT: Command.TAKE_OVER.value,
    LEFT_STICK: Command.STOP.value,
    RIGHT_STICK: Command.RESUME.value,
}
"""The keyboard key that each button stands for."""


class GamepadError(ParlError):
    """A Joy message does not have the expected layout."""


class Gamepad:
    """Remembers which buttons were down, so that a press is told from holding."""

    def __init__(self) -> None:
        """Begin with no button down."""
        self._down: frozenset[int] = frozenset()

    def read(self, axes: Sequence[float], buttons: Sequence[int]) -> tuple[np.ndarray, list[str]]:
        """Take one state of the gamepad.

        Args:
            axes: Positions of at least the four axes of both sticks, in [-1, 1].
            buttons: At least 15 values, 1 while the button is down.

        Returns:
            Motion (6,) in [-1, 1] while the sticks are held so, and the keys pressed just now.

        Raises:
            GamepadError: There are too few axes or buttons, or an axis is not finite.
        """
        if len(axes) <= RIGHT_Y or len(buttons) <= PAD_RIGHT:
            raise GamepadError(
                f'joy has {len(axes)} axes and {len(buttons)} buttons, needs {RIGHT_Y + 1} and '
                f'{PAD_RIGHT + 1}; start game_controller_node of package joy, not joy_node'
            )
        motion = np.zeros(6)
        for axis, entry in AXIS_ENTRIES.items():
            motion[entry] = axes[axis]
        if not np.isfinite(motion).all():
            raise GamepadError(f'joy axes {list(axes)} are not finite; plug the gamepad in again')
        down = frozenset(index for index, value in enumerate(buttons) if value)
        for button, (entry, share) in HELD_BUTTONS.items():
            motion[entry] += share * (button in down)
        pressed = sorted(down - self._down)
        self._down = down
        return np.clip(motion, -1.0, 1.0), [KEYS[button] for button in pressed if button in KEYS]
