# SPDX-License-Identifier: Apache-2.0
"""Turns key presses and sticks into the action of one control step."""

import numpy as np

from widowx_operator.key_map import GRIPPERS, motion_of

INPUT_LIFE_S = 0.5
"""An older press moves nothing: the arm has stood still since then."""


def hold_action(gripper_target: float) -> np.ndarray:
    """Return the action that moves nothing.

    Args:
        gripper_target: Commanded opening, 0 closed … 1 open.

    Returns:
        (7,) in [-1, 1].
    """
    return np.array([0.0] * 6 + [1.0 if gripper_target > 0.5 else -1.0])


class Teleoperation:
    """Collects what the operator does between two control steps.

    A terminal reports when a key is pressed, not when it is released. So a press moves the arm for
    one step, and the keyboard repeats a key that is held. A stick moves the arm while it is held.
    """

    def __init__(self) -> None:
        """Begin with nothing pressed."""
        self._presses: list[tuple[float, str]] = []
        self._stick = np.zeros(6)
        self._stick_at_s = -np.inf

    def press(self, key: str, now_s: float) -> bool:
        """Take a key at time `now_s` [s]; return whether it moves arm or gripper."""
        if motion_of(key) is None and key not in GRIPPERS:
            return False
        self._presses.append((now_s, key))
        return True

    def hold_stick(self, motion: np.ndarray, now_s: float) -> None:
        """Take the motion of the sticks: (6,) dx dy dz droll dpitch dyaw in [-1, 1]."""
        self._stick, self._stick_at_s = motion, now_s

    def is_idle(self, now_s: float) -> bool:
        """Tell whether the operator moves nothing."""
        is_stick_held = now_s - self._stick_at_s <= INPUT_LIFE_S and bool(self._stick.any())
        return not is_stick_held and not self._fresh_keys(now_s)

    def action(self, now_s: float, gripper_target: float) -> np.ndarray:
        """Return the operator's action for the next step, and forget the presses.

        Args:
            now_s: Time, on the clock of `press` [s].
            gripper_target: Commanded opening, 0 closed … 1 open: kept unless a key says otherwise.

        Returns:
            (7,) in [-1, 1].
        """
        keys = self._fresh_keys(now_s)
        self._presses = []
        action = hold_action(gripper_target)
        if now_s - self._stick_at_s <= INPUT_LIFE_S:
            action[:6] = self._stick
        for key in keys:
            motion = motion_of(key)
            if motion is not None:
                action[motion[0]] += motion[1]
            else:
                action[6] = GRIPPERS[key]
        return np.clip(action, -1.0, 1.0)

    def _fresh_keys(self, now_s: float) -> list[str]:
        """Return each key once, in the order of the first presses."""
        fresh = [key for at_s, key in self._presses if now_s - at_s <= INPUT_LIFE_S]
        return list(dict.fromkeys(fresh))
