# SPDX-License-Identifier: Apache-2.0
"""Collects the inputs of a control step and says when they belong together."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from parl_policy.episode.action_space import Target
from parl_policy.episode.observation import StationState

CLOCK_RESTART_S = 1.0
"""A joint state this much older than the newest input means that the clock was started again.

What the camera showed may be as old and say nothing of the clock: a camera that hangs.
"""

FRAMES_KEPT = 8
"""Camera frames that may come while the detector looks at one."""


@dataclass(frozen=True)
class ObjectsInput:
    """Object positions of one camera frame: (K, 3) [m], (K,) bool."""

    stamp_s: float
    names: tuple[str, ...]
    positions: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True)
class VerdictInput:
    """Verdict on one camera frame."""

    stamp_s: float
    episode_id: str
    verdict: int


@dataclass(frozen=True)
class ExecutedInput:
    """What the driver made of a target."""

    episode_id: str
    step: int
    target: Target
    arm_fault: str = ''
    """Why the arm takes no target at all; empty if it does."""


class InputGate:
    """Keeps the newest of each input; `state` puts them together or `missing` names what lacks.

    Objects and verdict must come from one frame, that frame from this control boundary, and the
    driver must have answered the last target: nothing stale ever becomes an observation.
    """

    def __init__(self, frame_slack_s: float) -> None:
        """Start empty.

        Args:
            frame_slack_s: A frame this much older than the boundary still shows it [s]: one
                camera period.
        """
        self._frame_slack_s = frame_slack_s
        self._objects: ObjectsInput | None = None
        self._verdict: VerdictInput | None = None
        self._executed: ExecutedInput | None = None
        self._opening: tuple[float, float] | None = None  # stamp [s], 0 closed … 1 open
        self._now_s = -np.inf
        self._frames: deque[tuple[float, np.ndarray]] = deque(maxlen=FRAMES_KEPT)
        self.needs_frame = False
        """Whether the state must hold the camera frame that objects and verdict are of."""

    @property
    def now_s(self) -> float:
        """Newest stamp of any input [s]."""
        return self._now_s

    def has_come(self, time_s: float) -> bool:
        """Whether an input of that time [s] or later came; a last digit does not count."""
        return self._now_s >= time_s - 1e-3

    def take_objects(self, objects: ObjectsInput) -> None:
        """Keep the newest object positions."""
        self._note_time(objects.stamp_s)
        self._objects = objects

    def take_verdict(self, verdict: VerdictInput) -> None:
        """Keep the newest verdict."""
        self._note_time(verdict.stamp_s)
        self._verdict = verdict

    def take_frame(self, stamp_s: float, frame: np.ndarray) -> None:
        """Keep a camera frame (H, W, 3) until the detector has said what it sees in it."""
        self._frames.append((stamp_s, frame))

    def take_opening(self, stamp_s: float, opening: float) -> None:
        """Keep the newest gripper opening."""
        if stamp_s < self._now_s - CLOCK_RESTART_S:
            self._objects = self._verdict = None
            self._now_s = stamp_s
        self._note_time(stamp_s)
        self._opening = (stamp_s, opening)

    def take_executed(self, executed: ExecutedInput) -> None:
        """Keep the driver's newest answer."""
        self._executed = executed

    def missing(self, boundary_s: float, episode_id: str, steps: int) -> str:
        """What is still lacking for the observation at a control boundary; empty if nothing.

        Args:
            boundary_s: Time of the boundary [s].
            episode_id: The running episode.
            steps: Targets sent in it so far.
        """
        oldest = boundary_s - self._frame_slack_s
        if not self.has_come(boundary_s):
            return f'time stands at {self._now_s:.3f} s, the step begins at {boundary_s:.3f} s'
        if self._opening is None or self._opening[0] < oldest:
            return 'joint_states: nothing new; is the arm (or the simulation) running?'
        if self._objects is None or self._objects.stamp_s < oldest:
            return 'object_positions: nothing new; are camera and reward detector running?'
        if self._verdict is None or self._verdict.episode_id != episode_id:
            return f'reward: nothing for episode {episode_id}; is the reward detector running?'
        if self._verdict.stamp_s != self._objects.stamp_s:
            return 'reward: none yet for the newest frame'
        if self.needs_frame and self.frame() is None:
            return f'camera/color/image_raw: no frame of {self._objects.stamp_s:.3f} s'
        if steps and (
            self._executed is None
            or (self._executed.episode_id, self._executed.step) != (episode_id, steps - 1)
        ):
            return f'executed_target: none for step {steps - 1}; is the driver running?'
        return ''

    def arm_fault(self, episode_id: str) -> str:
        """Why the arm took no target of this episode any more; empty if it does."""
        if self._executed is None or self._executed.episode_id != episode_id:
            return ''
        return self._executed.arm_fault

    def state(self, start_target: Target) -> StationState:
        """The complete inputs; only after `missing` returned nothing.

        Args:
            start_target: Stands for the executed target before the first step.
        """
        if self._objects is None or self._verdict is None or self._opening is None:
            raise RuntimeError('the inputs are not complete; ask `missing` first')
        target = start_target
        if self._executed is not None and self._executed.episode_id == self._verdict.episode_id:
            target = self._executed.target  # else a late answer to an earlier episode
        return StationState(
            target=target,
            gripper_opening=self._opening[1],
            object_positions=self._objects.positions,
            object_visible=self._objects.visible,
            stamp_s=self._objects.stamp_s,
            verdict=self._verdict.verdict,
            frame=self.frame() if self.needs_frame else None,
        )

    def frame(self) -> np.ndarray | None:
        """The camera frame (H, W, 3) that the objects were seen in; None if it did not come."""
        if self._objects is None:
            return None
        stamp_s = self._objects.stamp_s
        return next((frame for taken_s, frame in self._frames if taken_s == stamp_s), None)

    def begin_episode(self) -> None:
        """Forget the driver's answers to earlier episodes."""
        self._executed = None

    @property
    def object_names(self) -> tuple[str, ...]:
        """Names of the objects last heard of."""
        return self._objects.names if self._objects else ()

    def _note_time(self, stamp_s: float) -> None:
        self._now_s = max(self._now_s, stamp_s)


def next_boundary(boundary_s: float, seen_s: float, period_s: float) -> float:
    """One period after this step was to begin, or did.

    Counted from the boundary and not from the frame that showed it, which may be a camera period
    older: else every step comes early by the age of its frame. A step that came late moves the
    ones after it; nothing is made up for in a burst.

    Args:
        boundary_s: When this step was to begin [s].
        seen_s: Stamp of the frame that it began with [s].
        period_s: Of control [s].
    """
    return max(boundary_s, seen_s) + period_s
