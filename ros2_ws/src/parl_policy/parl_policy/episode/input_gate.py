# SPDX-License-Identifier: Apache-2.0
"""Collects the inputs of a control step and says when they are complete."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from parl_policy.episode.action_space import Target
from parl_policy.episode.observation import Frame, StationState

CLOCK_RESTART_S = 1.0
"""A joint state this much older than the newest input means that the clock was restarted [s].

A camera frame that old does not mean this: the camera may hang.
"""

OPENINGS_KEPT = 200
"""Number of joint states kept until the detector's answer to a frame of their time comes."""

FRAMES_KEPT_S = 1.0
"""Time for which a camera's frames are kept while the detector processes one [s]."""
FRAMES_KEPT = 200
"""Largest number of frames kept of a camera, whatever their stamps say."""

OTHER_CAMERA_PERIOD_S = 0.11
"""Longest time from the detector's frame to the next one of another camera [s]: 10 Hz will do."""

DETECTOR_CAMERA = 'camera'
"""Name of the camera in whose frames the reward detector sees the objects."""


@dataclass(frozen=True)
class ObjectsInput:
    """Positions (K, 3) [m] and visibility (K,) bool of the objects in one camera frame."""

    stamp_s: float
    names: tuple[str, ...]
    positions: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True)
class VerdictInput:
    """The verdict on one camera frame."""

    stamp_s: float
    episode_id: str
    verdict: int


@dataclass(frozen=True)
class ExecutedInput:
    """The driver's answer to a target."""

    episode_id: str
    step: int
    target: Target
    arm_fault: str = ''
    """Why the arm takes no target at all; empty if it takes targets."""
    did_not_follow: bool = False
    """The reason is that the arm did not follow its commands."""


class InputGate:
    """Keeps the newest of each input; `missing` names what has not come, `state` joins them.

    Objects and verdict must come from one frame, that frame must show this control boundary, the
    gripper opening must be of the frame's time, and the driver must have answered the last target.
    Of other cameras the first frame since that time counts. So no old input becomes part of an
    observation, and none depends on which message came first.
    """

    def __init__(self, frame_slack_s: float) -> None:
        """Start empty.

        Args:
            frame_slack_s: A frame up to this much older than the boundary still counts as showing
                it [s]; give one camera period.
        """
        self._frame_slack_s = frame_slack_s
        self._objects: ObjectsInput | None = None
        self._verdict: VerdictInput | None = None
        self._executed: ExecutedInput | None = None
        # Stamp [s], and 0 closed … 1 open; oldest first.
        self._openings: deque[tuple[float, float]] = deque(maxlen=OPENINGS_KEPT)
        self._now_s = -np.inf
        # By camera: stamp [s], and a function that returns the pixels; oldest first.
        self._frames: dict[str, deque[tuple[float, Callable[[], np.ndarray]]]] = defaultdict(
            lambda: deque(maxlen=FRAMES_KEPT)
        )
        self.needed_cameras: frozenset[str] = frozenset()
        """Cameras of which the state must hold a frame."""
        self.wanted_cameras: frozenset[str] = frozenset()
        """Cameras whose frame the state holds only if it has come."""

    @property
    def now_s(self) -> float:
        """Newest stamp of any input [s]."""
        return self._now_s

    def has_come(self, time_s: float) -> bool:
        """Say whether an input of that time [s] or later has come, rounding errors aside."""
        return self._now_s >= time_s - 1e-3

    def take_objects(self, objects: ObjectsInput) -> None:
        """Keep the newest object positions."""
        self._note_time(objects.stamp_s)
        self._objects = objects

    def take_verdict(self, verdict: VerdictInput) -> None:
        """Keep the newest verdict."""
        self._note_time(verdict.stamp_s)
        self._verdict = verdict

    def take_frame(self, camera: str, stamp_s: float, read: Callable[[], np.ndarray]) -> None:
        """Keep a camera frame until the detector's answer to one of its time comes.

        Args:
            camera: Name of the camera.
            stamp_s: Its stamp [s].
            read: Returns its pixels (H, W, 3); called only if they are wanted.
        """
        kept = self._frames[camera]
        kept.append((stamp_s, read))
        # A megabyte each: those that no step can ask for any more are dropped.
        while kept[0][0] < stamp_s - FRAMES_KEPT_S:
            kept.popleft()

    def take_opening(self, stamp_s: float, opening: float) -> None:
        """Keep a gripper opening, 0 closed … 1 open, until the frame of its time is judged."""
        if stamp_s < self._now_s - CLOCK_RESTART_S:
            self._objects = self._verdict = None
            self._openings.clear()
            self._frames.clear()
            self._now_s = stamp_s
        self._note_time(stamp_s)
        self._openings.append((stamp_s, opening))

    def take_executed(self, executed: ExecutedInput) -> None:
        """Keep the driver's newest answer."""
        self._executed = executed

    def missing(self, boundary_s: float, episode_id: str, steps: int) -> str:
        """Name the input that is still missing for the observation at a control boundary.

        Args:
            boundary_s: Time of the boundary [s].
            episode_id: The running episode.
            steps: Number of targets sent in it so far.

        Returns:
            A text for the operator; empty if nothing is missing.
        """
        oldest = boundary_s - self._frame_slack_s
        if not self.has_come(boundary_s):
            return f'time stands at {self._now_s:.3f} s, the step begins at {boundary_s:.3f} s'
        if not self._openings or self._openings[-1][0] < oldest:
            return 'joint_states: nothing new; is the arm (or the simulation) running?'
        if self._objects is None or self._objects.stamp_s < oldest:
            return 'object_positions: nothing new; are camera and reward detector running?'
        if self._opening() is None:
            return f'joint_states: none yet of the frame at {self._objects.stamp_s:.3f} s'
        if self._verdict is None or self._verdict.episode_id != episode_id:
            return f'reward: nothing for episode {episode_id}; is the reward detector running?'
        if self._verdict.stamp_s != self._objects.stamp_s:
            return 'reward: none yet for the newest frame'
        for camera in sorted(self.needed_cameras):
            if self._frame_of_objects(camera) is None:
                return self._missing_frame(camera)
        if steps and (
            self._executed is None
            or (self._executed.episode_id, self._executed.step) != (episode_id, steps - 1)
        ):
            return f'executed_target: none for step {steps - 1}; is the driver running?'
        return ''

    def arm_fault(self, episode_id: str) -> str:
        """Say why the arm takes no more targets of this episode; empty if it takes them."""
        if self._executed is None or self._executed.episode_id != episode_id:
            return ''
        return self._executed.arm_fault

    @property
    def did_not_follow(self) -> bool:
        """Whether the fault of `arm_fault` is that the arm did not follow its commands."""
        return self._executed is not None and self._executed.did_not_follow

    def state(self, start_target: Target) -> StationState:
        """Join the inputs; call this only after `missing` returned an empty text.

        Args:
            start_target: Used as the executed target before the first step.
        """
        opening = self._opening()
        if self._objects is None or self._verdict is None or opening is None:
            raise RuntimeError('the inputs are not complete; ask `missing` first')
        target = start_target
        if self._executed is not None and self._executed.episode_id == self._verdict.episode_id:
            target = self._executed.target  # otherwise a late answer to an earlier episode
        return StationState(
            target=target,
            gripper_opening=opening,
            object_positions=self._objects.positions,
            object_visible=self._objects.visible,
            stamp_s=self._objects.stamp_s,
            verdict=self._verdict.verdict,
            frames=self._frames_of_objects(),
        )

    def _frames_of_objects(self) -> dict[str, Frame]:
        cameras = sorted(self.needed_cameras | self.wanted_cameras)
        found = {camera: self._frame_of_objects(camera) for camera in cameras}
        return {camera: Frame(each[0], each[1]()) for camera, each in found.items() if each}

    def _frame_of_objects(self, camera: str) -> tuple[float, Callable[[], np.ndarray]] | None:
        """Return the frame in which the objects were seen, or another camera's next one."""
        if self._objects is None:
            return None
        stamp_s = self._objects.stamp_s
        last_s = stamp_s if camera == DETECTOR_CAMERA else stamp_s + OTHER_CAMERA_PERIOD_S
        taken = self._frames[camera]
        return next((each for each in taken if stamp_s <= each[0] <= last_s), None)

    def _missing_frame(self, camera: str) -> str:
        assert self._objects is not None
        taken, topic = self._frames[camera], f'{camera}/color/image_raw'
        if not taken:
            return f'{topic}: nothing came; is there a camera of the name {camera!r}?'
        relation = 'of' if camera == DETECTOR_CAMERA else 'since'
        stamp_s = self._objects.stamp_s
        return f'{topic}: no frame {relation} {stamp_s:.3f} s, the last is of {taken[-1][0]:.3f} s'

    def _opening(self) -> float | None:
        """Return the first gripper opening since the frame of the objects; None if none came."""
        if self._objects is None:
            return None
        stamp_s = self._objects.stamp_s
        return next((value for at_s, value in self._openings if at_s >= stamp_s), None)

    def begin_episode(self) -> None:
        """Forget the driver's answers to earlier episodes."""
        self._executed = None

    @property
    def object_names(self) -> tuple[str, ...]:
        """Names of the objects in the newest message."""
        return self._objects.names if self._objects else ()

    def _note_time(self, stamp_s: float) -> None:
        self._now_s = max(self._now_s, stamp_s)


def next_boundary(boundary_s: float, seen_s: float, period_s: float) -> float:
    """Return the time at which the next control step is to begin [s].

    The period is counted from the boundary and not from its frame, which may be a camera period
    older; otherwise every step would come early by the age of its frame. A late step moves the
    steps after it, so that lost time is not made up in a burst.

    Args:
        boundary_s: Time at which this step was to begin [s].
        seen_s: Stamp of the frame with which it began [s].
        period_s: Control period [s].
    """
    return max(boundary_s, seen_s) + period_s
