# SPDX-License-Identifier: Apache-2.0
"""Key presses and sticks to the action of one control step."""

import numpy as np

from widowx_operator.key_map import GRIPPERS, motion_of

INPUT_LIFE_S = 0.5
"""What was pressed longer ago than this moves nothing: the arm had stood still meanwhile."""


def hold_action(gripper_target: float) -> np.ndarray:
    """The action that moves nothing, (7,); `gripper_target`: commanded opening, 0 … 1."""
    return np.array([0.0] * 6 + [1.0 if gripper_target > 0.5 else -1.0])


class Teleoperation:
    """Collects what the operator does between two control steps.

    A terminal tells presses, not releases: a press moves the arm for one step, and the keyboard's
    own repetition of a key that is held moves it on. A stick moves the arm as long as it is held.
    """

    def __init__(self) -> None:
        """Begin with nothing pressed."""
        self._presses: list[tuple[float, str]] = []
        self._stick = np.zeros(6)
        self._stick_at_s = -np.inf

    def press(self, key: str, now_s: float) -> bool:
        """Take a key; returns whether it moves arm or gripper."""
        if motion_of(key) is None and key not in GRIPPERS:
            return False
        self._presses.append((now_s, key))
        return True

    def hold_stick(self, motion: np.ndarray, now_s: float) -> None:
        """Take where the sticks are: (6,) dx dy dz droll dpitch dyaw in [-1, 1]."""
        self._stick, self._stick_at_s = motion, now_s

    def is_idle(self, now_s: float) -> bool:
        """Whether the operator wants nothing to move."""
        is_stick_held = now_s - self._stick_at_s <= INPUT_LIFE_S and bool(self._stick.any())
        return not is_stick_held and not self._fresh_keys(now_s)

    def action(self, now_s: float, gripper_target: float) -> np.ndarray:
        """What the operator wants of the next step; forgets the presses.

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
        """Each key once, in the order of their first press."""
        fresh = [key for at_s, key in self._presses if now_s - at_s <= INPUT_LIFE_S]
        return list(dict.fromkeys(fresh))
