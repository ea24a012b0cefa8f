# SPDX-License-Identifier: Apache-2.0
"""What the operator's tools need of a task file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parl_files.task_file import load_task_file


@dataclass(frozen=True)
class OperatorTask:
    """The station as the task file has it before it is taught.

    Attributes:
        control_period_s: Time between two actions [s].
        start: (3,) ee_gripper_link at the start of an episode [m], base_link.
        max_tilt: From straight down [rad].
        max_yaw: About the vertical [rad].
        image_size: Width and height of the camera image [px].
    """

    control_period_s: float
    start: np.ndarray
    max_tilt: float
    max_yaw: float
    image_size: tuple[int, int]


def load_operator_task(path: Path) -> OperatorTask:
    """Read the task file.

    Raises:
        TaskFileError: It is missing, is no YAML, or a key is missing or wrong.
    """
    task = load_task_file(path)
    box, camera = task.section('workspace'), task.section('camera')
    return OperatorTask(
        control_period_s=1.0 / task.positive('control_rate_hz'),
        start=np.array(task.section('start').vector('position')),
        max_tilt=box.positive('max_tilt'),
        max_yaw=box.positive('max_yaw'),
        image_size=(int(camera.positive('width')), int(camera.positive('height'))),
    )
