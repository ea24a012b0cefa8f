# SPDX-License-Identifier: Apache-2.0
"""What the operator's tools need of a task file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml


class TaskFileError(ValueError):
    """A task file cannot be used; the message names file, key and remedy."""


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
    if path == Path():
        raise TaskFileError('parameter task_file is empty; give the path of a task file')
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaskFileError(
            f'{path}: {error}; give the path of a readable task file, saved as UTF-8'
        ) from error

    def positive(*keys: str) -> float:
        value = _value(path, content, keys)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < np.inf:
            return float(value)
        raise TaskFileError(f'{path}: {".".join(keys)} is {value!r}; give a number above 0')

    start = _value(path, content, ('start', 'position'))
    if (
        not isinstance(start, list)
        or len(start) != 3
        or not all(isinstance(value, int | float) for value in start)
    ):
        raise TaskFileError(f'{path}: start.position is {start!r}; give three numbers [m]')
    return OperatorTask(
        control_period_s=1.0 / positive('control_rate_hz'),
        start=np.array(start, dtype=float),
        max_tilt=positive('workspace', 'max_tilt'),
        max_yaw=positive('workspace', 'max_yaw'),
        image_size=(int(positive('camera', 'width')), int(positive('camera', 'height'))),
    )


def _value(path: Path, content: object, keys: tuple[str, ...]) -> object:
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            raise TaskFileError(
                f'{path}: key {".".join(keys)} is missing; see config/tasks for an example'
            )
        content = content[key]
    return content
