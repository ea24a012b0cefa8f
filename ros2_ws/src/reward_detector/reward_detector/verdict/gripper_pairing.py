# SPDX-License-Identifier: Apache-2.0
"""Pairs each camera frame with the gripper opening of the same time."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from reward_detector.clock_restart import CLOCK_RESTART_S

Frame = TypeVar('Frame')


@dataclass(frozen=True, kw_only=True)
class PairedFrame(Generic[Frame]):
    """A frame ready to be judged."""

    stamp_s: float
    """The frame's stamp [s]."""
    frame: Frame
    """The frame itself."""
    gripper_opening: float
    """0 closed ... 1 open; NaN if no joint state is near enough in time."""


class GripperPairing(Generic[Frame]):
    """Holds the newest frame until a joint state of its time or later has come.

    Frames and joint states come over two topics in any order. Waiting for the joint state makes
    the answer independent of the order. The next frame ends the wait, so every frame gets an
    answer.
    """

    def __init__(self, max_age_s: float) -> None:
        """Accept only joint states within `max_age_s` [s] of the frame."""
        self._max_age_s = max_age_s
        self._opening: tuple[float, float] | None = None
        self._waiting: tuple[float, Frame] | None = None

    def add_opening(self, stamp_s: float, opening: float) -> list[PairedFrame[Frame]]:
        """Take in a joint state; return the frame that it completes, if any."""
        if self._opening is not None and stamp_s < self._opening[0]:
            if stamp_s > self._opening[0] - CLOCK_RESTART_S:
                return []
            self._waiting = None
        self._opening = (stamp_s, opening)
        if self._waiting is None or stamp_s < self._waiting[0]:
            return []
        return self._release()

    def add_frame(self, stamp_s: float, frame: Frame) -> list[PairedFrame[Frame]]:
        """Take in a frame; return what can be judged now, oldest first."""
        is_repeated = self._waiting is not None and self._waiting[0] == stamp_s
        ready = self._release()
        if is_repeated:
            return ready
        self._waiting = (stamp_s, frame)
        if self._opening is not None and self._opening[0] >= stamp_s:
            ready += self._release()
        return ready

    def _release(self) -> list[PairedFrame[Frame]]:
        if self._waiting is None:
            return []
        stamp_s, frame = self._waiting
        self._waiting = None
        opening = float('nan')
        if self._opening is not None and abs(self._opening[0] - stamp_s) <= self._max_age_s:
            opening = self._opening[1]
        return [PairedFrame(stamp_s=stamp_s, frame=frame, gripper_opening=opening)]
