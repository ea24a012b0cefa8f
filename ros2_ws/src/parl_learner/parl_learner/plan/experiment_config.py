# SPDX-License-Identifier: Apache-2.0
"""An experiment on one page: data, training, practice and evaluation, as one YAML file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parl_files.config_file import ConfigError, from_mapping, SharedSection
from parl_files.layered_yaml import load_layered_yaml
from parl_learner.methods.method_files import METHOD_FILES
from parl_learner.methods.registry import method_of
from parl_learner.plan.practice_config import PracticeConfig
from parl_learner.training.learning_config import LearningConfig
from parl_policy.episode.input_gate import DETECTOR_CAMERA
from parl_policy.observations import Size

POLICY = 'policy'
"""The demonstrator that is no service."""


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig(PracticeConfig):
    """Data, training, practice and evaluation of an experiment; `next_step` gives the order."""

    task: str
    """Name of the task, as in the task file."""
    pretraining_task: str | None = None
    """Name of the task of the first episodes, imitated or not, if that is not `task`.

    Practice and evaluations are on `task`. Both tasks must observe the same objects.
    """
    demonstrations: int
    """Episodes recorded from the demonstrator before training."""
    demonstrator: str = 'demonstrator/act'
    """Service that answers parl_msgs/Act for demonstrations; `policy`: none, they are zero-shot.

    Then the policy plays them alone, as its class makes it: pre-trained elsewhere. It is version
    0. That needs `cameras`, as nothing else says before the first episode what is observed.
    """
    seed: int
    """Seed of everything random in the experiment."""
    warm_up_episodes: int = 20
    """Practice episodes before the first online update."""
    practice_episodes: int = 50
    """Practice episodes in all, warm-up included."""
    rounds_ahead: int = 0
    """Practice rounds that are played while the learner is still busy with those before them.

    Round n is played with version n − rounds_ahead, at least 1, whatever is ready: what comes out
    does not depend on who was faster. 0: the robot waits for each version.
    """
    gate_episodes: int = 0
    """Evaluation episodes after which each new version is kept, or the one before goes on.

    All versions play them from the same starts. Practice and the evaluations after it are of the
    kept version: the newest of those with the most successes. 0: every version is kept.
    """
    cameras: Mapping[str, Size] = field(default_factory=dict)
    """Recorded (height, width) [px] of the pictures of each observed camera, by its name.

    The pictures take the place of the objects' positions; without cameras those are observed.
    """
    learning: LearningConfig

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super().__post_init__()
        for name in ('demonstrations', 'practice_episodes'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1: {getattr(self, name)}')
        for camera, size in self.cameras.items():
            if min(size) < 1:
                raise ValueError(f'cameras.{camera} must be a height and a width [px]: {size}')
        if ':' not in self.learning.policy_class:  # only the learner must import it
            self.learning.check_cameras(self.cameras)
        if self.is_zero_shot and not self.cameras:
            raise ValueError(
                f'demonstrator is {POLICY!r}, but without cameras only a recorded episode shows '
                'the numbers of an observation, with which the policy is made; give `cameras`, '
                'or a service as demonstrator'
            )
        if self.warm_up_episodes > self.practice_episodes:
            raise ValueError(
                f'warm_up_episodes must lie in 0…practice_episodes: {self.warm_up_episodes} of '
                f'{self.practice_episodes}'
            )
        if self.rounds_ahead < 0:
            raise ValueError(f'rounds_ahead must be 0 or more: {self.rounds_ahead}')
        if self.gate_episodes < 0:
            raise ValueError(f'gate_episodes must be 0 or more: {self.gate_episodes}')
        if self.gate_episodes and self.rounds_ahead:
            raise ValueError(
                f'gate_episodes is {self.gate_episodes} and rounds_ahead {self.rounds_ahead}, but '
                'a round waits until the gate has chosen who plays it; set one of them to 0'
            )
        if method_of(self.learning).is_on_policy and self.rounds_ahead:
            raise ValueError(
                f'rounds_ahead is {self.rounds_ahead}, but method {self.learning.method!r} learns '
                'only from rounds of its newest version; set it to 0'
            )

    @property
    def is_zero_shot(self) -> bool:
        """Whether the policy itself, as its class makes it, plays the first episodes."""
        return self.demonstrator == POLICY


@dataclass(frozen=True, kw_only=True)
class ExperimentTask(SharedSection):
    """The part of a task file that an experiment uses."""

    task: str
    """Name of the task."""
    horizon: int
    """Control steps after which an episode is a failure."""
    control_rate_hz: float
    """Control steps per second."""
    camera: Mapping[str, Any] = field(default_factory=dict)
    """The detector's camera, with its calibration `table_points`."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.horizon < 1 or not self.control_rate_hz > 0:
            raise ValueError(
                f'horizon must be at least 1 and control_rate_hz more than 0: {self.horizon}, '
                f'{self.control_rate_hz}'
            )


def check_calibration(config: ExperimentConfig, task: ExperimentTask) -> None:
    """Refuse to teach waypoints with a camera that is not calibrated, before anything is recorded.

    Raises:
        ConfigError: The message names camera and remedy.
    """
    vision = config.learning.taught_vision
    if vision is None:
        return
    (camera,) = vision.pictures
    if camera != DETECTOR_CAMERA or 'table_points' not in task.camera:
        raise ConfigError(
            f"a vision has an encoder of kind 'waypoints' and sees the camera {camera!r}; it "
            f'needs {DETECTOR_CAMERA!r} with camera.table_points in the task file: touch and '
            "click marks (docs/teach_the_workspace.md), or choose the kind 'keypoints'"
        )


def load_experiment(path: Path, settings: Sequence[str] = ()) -> ExperimentConfig:
    """Read an experiment file.

    Args:
        path: The file. Its `extends:` names files, or installed methods, whose values hold for
            keys that the file does not have.
        settings: Settings such as 'learning.optimisation.samples=16', which replace those of the
            file.

    Raises:
        ConfigError: The message names the file, the key, the value found and what is allowed.
    """
    mapping, where = load_layered_yaml(path, settings=settings, named=METHOD_FILES)
    return from_mapping(ExperimentConfig, mapping, where)
