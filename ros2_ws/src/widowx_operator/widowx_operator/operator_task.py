# SPDX-License-Identifier: Apache-2.0
"""The part of a task file that the operator's tools need."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from parl_files.config_file import Only, Positive, SharedSection
from parl_files.task_file import read_task, Vector3

_Pixels = Annotated[int, Only(lambda value: value > 0, 'a whole number above 0')]


@dataclass(frozen=True)
class OperatorTask:
    """The station as the task file describes it before it is taught.

    Attributes:
        control_period_s: Time between two actions [s].
        start: (3,) ee_gripper_link at the start of an episode [m, base_link].
        max_tilt: Largest tilt from straight down [rad].
        max_yaw: Largest turn about the vertical, either way [rad].
        image_size: Width and height of the camera image [px].
    """

    control_period_s: float
    start: np.ndarray
    max_tilt: float
    max_yaw: float
    image_size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class _Start(SharedSection):
    position: Vector3


@dataclass(frozen=True, kw_only=True)
class _Workspace(SharedSection):
    max_tilt: Positive
    max_yaw: Positive


@dataclass(frozen=True, kw_only=True)
class _Camera(SharedSection):
    width: _Pixels
    height: _Pixels


@dataclass(frozen=True, kw_only=True)
class _Sections(SharedSection):
    control_rate_hz: Positive
    start: _Start
    workspace: _Workspace
    camera: _Camera


def load_operator_task(path: Path) -> OperatorTask:
    """Read the operator's part of a task file.

    Raises:
        ConfigError: The file is missing, is not YAML, or a key is missing or wrong.
    """
    task = read_task(_Sections, path)
    return OperatorTask(
        control_period_s=1.0 / task.control_rate_hz,
        start=np.array(task.start.position),
        max_tilt=task.workspace.max_tilt,
        max_yaw=task.workspace.max_yaw,
        image_size=(task.camera.width, task.camera.height),
    )
