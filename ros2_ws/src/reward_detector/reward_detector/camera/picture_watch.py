# SPDX-License-Identifier: Apache-2.0
"""Finds a camera that sends an old picture with new stamps."""

from collections import deque

import numpy as np

from reward_detector.clock_restart import CLOCK_RESTART_S
from widowx_description.arm import is_failed_read

_REPEATS = 2
"""Repetitions that count as frozen; a picture that is sent twice is only a late one."""
_MOVED_RAD = 0.05
"""A joint that turned this far changes some pixel [rad]."""
_KEPT_S = 2.0
"""How long joint states are kept for the frames of the same time [s]."""
_ROWS_APART = 16
"""Distance of the rows that are compared before all others [px]."""


class PictureWatch:
    """Finds pictures that are the same, pixel by pixel, although the arm has moved.

    A camera that hangs may continue to send its last picture with new stamps. While nothing moves
    this does no harm, and a camera without noise does it anyway.
    """

    def __init__(self) -> None:
        self._joints: deque[tuple[float, np.ndarray]] = deque()
        self._pixels: np.ndarray | None = None
        self._joints_then: np.ndarray | None = None
        self._newest_s, self._repeats, self._has_moved = -np.inf, 0, False

    def note_joints(self, stamp_s: float, joints: np.ndarray) -> None:
        """Take in measured joints.

        Args:
            stamp_s: Their stamp [s].
            joints: (J,) [rad]; those of a failed read are ignored.
        """
        if self._joints and stamp_s < self._joints[-1][0]:
            if stamp_s > self._joints[-1][0] - CLOCK_RESTART_S:
                return
            self._joints.clear()
            self._pixels = None
        if joints.size and not any(map(is_failed_read, joints.tolist())):
            self._joints.append((stamp_s, joints))
        while self._joints and self._joints[0][0] < stamp_s - _KEPT_S:
            self._joints.popleft()

    def is_frozen(self, stamp_s: float, pixels: np.ndarray) -> bool:
        """Take in a frame; return whether it shows an earlier picture, whatever its stamp is.

        Args:
            stamp_s: The frame's stamp [s]; the same stamp again is the same frame.
            pixels: (H, W, 3) uint8.
        """
        if self._pixels is None or not _are_equal(pixels, self._pixels):
            self._pixels, self._joints_then = pixels, None
            self._repeats, self._has_moved = 0, False
        elif stamp_s != self._newest_s:
            self._repeats += 1
            self._note_motion(stamp_s)
        self._newest_s = stamp_s
        return self._has_moved and self._repeats >= _REPEATS

    def _note_motion(self, until_s: float) -> None:
        # Only joints measured between the two pictures count: an earlier motion led to what the
        # first picture shows and changes nothing in the second.
        for at_s, joints in self._joints:
            if self._newest_s <= at_s <= until_s:
                if self._joints_then is None:
                    self._joints_then = joints
                self._has_moved |= bool(np.max(np.abs(joints - self._joints_then)) > _MOVED_RAD)


def _are_equal(pixels: np.ndarray, others: np.ndarray) -> bool:
    # Nearly all pictures differ, and nearly always a few rows tell.
    is_alike = np.array_equal(pixels[::_ROWS_APART], others[::_ROWS_APART])
    return is_alike and np.array_equal(pixels, others)
