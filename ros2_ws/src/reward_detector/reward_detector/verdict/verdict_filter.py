# SPDX-License-Identifier: Apache-2.0
"""Decides the verdict from positions and gripper over time, so that no success is an accident."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
import enum

import numpy as np

from reward_detector.camera.table_homography import raise_to_plane
from reward_detector.clock_restart import CLOCK_RESTART_S
from reward_detector.verdict.polygon_region import signed_distance
from reward_detector.verdict.reward_rule import RewardRule

# Slack for stamps that are multiples of a period but do not add up exactly [s].
_STAMP_SLACK_S = 1e-6


class VerdictValue(enum.IntEnum):
    """The three values of a verdict, numbered as in parl_msgs/Reward."""

    UNKNOWN = 0
    FAILURE = 1
    SUCCESS = 2


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the detector says about the task in one frame."""

    value: VerdictValue
    """Unknown, not done, or done."""
    reason: str
    """One line for the operator that says why."""


class VerdictFilter:
    """Checks region (with hysteresis), open gripper and stillness, with debounce and latch.

    * An object that is not visible is never evidence: the verdict is UNKNOWN, and the debounce
      starts again.
    * In an episode the object must have been seen outside the region once (the guard), and SUCCESS
      stays until the next episode (the latch).
    * Outside an episode (empty id) there is neither guard nor latch: SUCCESS says that the object
      lies in the region now, so that no episode may start.
    """

    def __init__(self, rule: RewardRule, camera: np.ndarray, max_gap: float) -> None:
        """Start outside an episode.

        Args:
            rule: When the task is done.
            camera: (3,) optical centre in `base_link` [m], to correct for the surface's height.
            max_gap: Frames farther apart than this do not count as consecutive [s].
        """
        self._rule = rule
        self._camera = camera
        self._max_gap = max_gap
        self.begin_episode('')

    def begin_episode(self, episode_id: str) -> None:
        """Clear window, latch and guard; '' means that no episode runs."""
        self.episode_id = episode_id
        self._newest: float | None = None
        self._was_outside = False
        self._latched: Verdict | None = None
        self._window: deque[tuple[float, np.ndarray]] = deque()
        self._last = Verdict(value=VerdictValue.UNKNOWN, reason='no camera frame yet')

    def update(
        self,
        stamp_s: float,
        positions: Mapping[str, np.ndarray],
        visible: Mapping[str, bool],
        gripper_opening: float,
    ) -> Verdict:
        """Judge one frame.

        Args:
            stamp_s: The frame's stamp [s]. The same stamp again is the same frame and gets the
                same answer; an older one is no evidence, unless the clock was restarted.
            positions: (3,) [m] on the table plane by object name; NaN if never seen.
            visible: Whether the object was seen in this frame, by object name.
            gripper_opening: 0 closed ... 1 open; NaN if not known.
        """
        if self._newest is not None and stamp_s <= self._newest:
            if stamp_s == self._newest:
                return self._last
            if stamp_s > self._newest - CLOCK_RESTART_S:
                return self.cannot_see(f'frame is {self._newest - stamp_s:.3f} s out of order')
            self.begin_episode(self.episode_id)
        if self._newest is not None and stamp_s - self._newest > self._max_gap:
            self._window.clear()
        self._newest = stamp_s
        self._last = self._judge(stamp_s, positions, visible, gripper_opening)
        if self.episode_id and self._last.value == VerdictValue.SUCCESS:
            self._latched = self._last
        return self._last

    def cannot_see(self, reason: str) -> Verdict:
        """Return the verdict on a frame that is no evidence, and start the debounce again."""
        self._window.clear()
        return self._latched or Verdict(value=VerdictValue.UNKNOWN, reason=reason)

    def _judge(
        self,
        stamp_s: float,
        positions: Mapping[str, np.ndarray],
        visible: Mapping[str, bool],
        gripper_opening: float,
    ) -> Verdict:
        rule = self._rule
        if self._latched is not None:
            return self._latched
        origin = positions[rule.region.relative_to]
        if not np.all(np.isfinite(origin)):
            return self.cannot_see(f'{rule.region.relative_to} was never seen')
        on_table = positions[rule.object]
        if not visible[rule.object] or not np.all(np.isfinite(on_table)):
            return self.cannot_see(f'{rule.object} is not seen')
        place = raise_to_plane(on_table, self._camera, rule.region.surface_height)[:2] - origin[:2]
        depth = signed_distance(rule.region.corners, place)
        self._was_outside |= depth < -rule.region.leave_margin
        # Hysteresis is for jitter only: an object that was in the region in a person's hand, or at
        # another place in the region, must enter again.
        if depth < (-rule.region.leave_margin if self._window else rule.region.enter_margin):
            return self._not_inside(depth)
        if not np.isfinite(gripper_opening):
            return self.cannot_see('gripper opening is not known')
        if gripper_opening < rule.min_gripper_opening:
            return self._failure(
                f'gripper is not open ({gripper_opening:.2f} < {rule.min_gripper_opening:.2f})'
            )
        if self.episode_id and not self._was_outside:
            return self.cannot_see(f'{rule.object} was never outside the region')
        return self._debounce(stamp_s, place, depth)

    def _not_inside(self, depth: float) -> Verdict:
        where = f'{1e3 * abs(depth):.0f} mm {"inside" if depth > 0 else "outside"} its edge'
        return self._failure(f'{self._rule.object} is not in the region ({where})')

    def _failure(self, reason: str) -> Verdict:
        self._window.clear()
        return Verdict(value=VerdictValue.FAILURE, reason=reason)

    def _debounce(self, stamp_s: float, place: np.ndarray, depth: float) -> Verdict:
        """Return SUCCESS if the object was at one place for enough frames and long enough."""
        rule = self._rule
        self._window.append((stamp_s, place))
        reach = rule.max_object_speed * max(rule.min_duration, _STAMP_SLACK_S)
        while np.linalg.norm(self._window[0][1] - place) > reach:
            self._window.popleft()
        if len(self._window) == 1 and depth < rule.region.enter_margin:
            return self._not_inside(depth)
        frames, span = len(self._window), stamp_s - self._window[0][0]
        enough = frames >= rule.min_frames and span >= rule.min_duration - _STAMP_SLACK_S
        if not enough:
            reason = f'{rule.object} in the region for {frames} frames, {span:.2f} s'
            return Verdict(value=VerdictValue.UNKNOWN, reason=reason)
        while (
            len(self._window) > rule.min_frames
            and stamp_s - self._window[1][0] >= rule.min_duration - _STAMP_SLACK_S
        ):
            self._window.popleft()
        reason = f'{rule.object} in the region, released and still'
        return Verdict(value=VerdictValue.SUCCESS, reason=reason)
