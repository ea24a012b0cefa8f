# SPDX-License-Identifier: Apache-2.0
"""The whole detector without ROS: from image and gripper opening to positions and verdict."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parl_files.config_file import Named, SharedSection
from parl_files.error import ParlError
from parl_files.task_file import read_task
from reward_detector.camera.calibration import CameraCalibration
from reward_detector.clock_restart import CLOCK_RESTART_S
from reward_detector.objects.colour import ColourDetector
from reward_detector.objects.detector import Detection, ObjectDetector
from reward_detector.objects.spec import ObjectSpec
from reward_detector.objects.tracker import ObjectTracker, TrackedObjects
from reward_detector.verdict.reward_rule import RewardRule
from reward_detector.verdict.verdict_filter import Verdict, VerdictFilter


class FrameError(ParlError):
    """The calibration does not hold for a frame, because of its size or type."""


@dataclass(frozen=True, kw_only=True)
class DetectorTask(SharedSection):
    """The sections of a task file that the detector needs."""

    objects: Named[ObjectSpec]
    """Objects to look for, in the order of the observation."""
    reward: RewardRule
    camera: CameraCalibration

    def __post_init__(self) -> None:
        """Check that the reward rule names only objects of the task."""
        for name in (self.reward.object, self.reward.region.relative_to):
            if name not in self.objects:
                known = ', '.join(self.objects)
                raise ValueError(f'reward names object {name!r}; use one of the objects {known}')


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Everything the detector says about one frame."""

    stamp_s: float
    """The frame's stamp [s]."""
    objects: TrackedObjects
    """Where the objects are."""
    verdict: Verdict
    """Whether the task is done."""
    episode_id: str
    """The running episode; empty outside one."""


class FrameJudge:
    """Detector, tracker and verdict filter of one task, fed frame by frame."""

    def __init__(
        self,
        detector: ObjectDetector,
        specs: tuple[ObjectSpec, ...],
        rule: RewardRule,
        camera: CameraCalibration,
    ) -> None:
        """Join the parts; `from_task_file` does this for a task with colour detection."""
        self.camera = camera
        self._detector = detector
        self._tracker = ObjectTracker(specs, camera.homography)
        self._filter = VerdictFilter(rule, np.array(camera.position), camera.max_age)
        self._newest: tuple[float, list[Detection], float] | None = None
        self._judgement: Judgement | None = None

    @staticmethod
    def from_task_file(path: str | Path) -> 'FrameJudge':
        """Build the judge that a task file describes.

        Raises:
            ConfigError: The file or one of its keys is missing or wrong.
        """
        task = read_task(DetectorTask, path)
        specs = tuple(task.objects.values())
        return FrameJudge(ColourDetector(specs), specs, task.reward, task.camera)

    @property
    def episode_id(self) -> str:
        """The running episode; empty outside one."""
        return self._filter.episode_id

    def judge(self, stamp_s: float, image: np.ndarray, gripper_opening: float) -> Judgement:
        """Judge one frame.

        The newest frame again (same stamp) gets the same answer and counts once.

        Args:
            stamp_s: The frame's stamp [s].
            image: (H, W, 3) uint8 RGB of the calibrated size.
            gripper_opening: 0 closed ... 1 open at that time; NaN if not known.

        Raises:
            FrameError: The image has another size than the calibration, or another type.
        """
        if self._judgement is not None and stamp_s == self._judgement.stamp_s:
            return self._judgement
        self._check_size(image)
        if self._newest is not None and stamp_s < self._newest[0]:
            behind = self._newest[0] - stamp_s
            if behind < CLOCK_RESTART_S:
                return self.blind(stamp_s, f'frame is {behind:.3f} s out of order')
            self.forget()
        self._newest = (stamp_s, self._detector.detect(image), gripper_opening)
        return self._evaluate()

    def blind(self, stamp_s: float, reason: str) -> Judgement:
        """Return the judgement for a frame that is no evidence (stale, unreadable, missing)."""
        return Judgement(
            stamp_s=stamp_s,
            objects=self._tracker.update([]),
            verdict=self._filter.cannot_see(reason),
            episode_id=self.episode_id,
        )

    def begin_episode(self, episode_id: str) -> Judgement | None:
        """Start an episode ('' ends it) and judge the newest frame again in it.

        Returns:
            The new judgement of the newest frame; None if there was none yet.
        """
        self._filter.begin_episode(episode_id)
        self._tracker.forget()
        return None if self._newest is None else self._evaluate()

    def forget(self) -> None:
        """Forget all that was seen, but keep the episode's id, after a restart of the clock."""
        self._tracker.forget()
        self._filter.begin_episode(self.episode_id)
        self._newest = None
        self._judgement = None

    def _evaluate(self) -> Judgement:
        assert self._newest is not None
        stamp_s, detections, gripper_opening = self._newest
        objects = self._tracker.update(detections)
        verdict = self._filter.update(
            stamp_s,
            dict(zip(objects.names, objects.positions, strict=True)),
            dict(zip(objects.names, objects.visible.tolist(), strict=True)),
            gripper_opening,
        )
        self._judgement = Judgement(
            stamp_s=stamp_s, objects=objects, verdict=verdict, episode_id=self.episode_id
        )
        return self._judgement

    def _check_size(self, image: np.ndarray) -> None:
        expected = (self.camera.height, self.camera.width)
        if image.shape[:2] != expected:
            raise FrameError(
                f'image is {image.shape[1]}x{image.shape[0]}, but the calibration was made at '
                f'{expected[1]}x{expected[0]}; set the camera or calibrate again'
            )
