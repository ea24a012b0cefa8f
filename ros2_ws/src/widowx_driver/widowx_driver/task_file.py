# SPDX-License-Identifier: Apache-2.0
"""The driver's part of a task file: control rate, start pose, workspace."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from widowx_driver.fingertip import floor_fault
from widowx_driver.pose import (
    FloatArray,
    Pose,
    roll_pitch_yaw_to_matrix,
    split_tilt_and_yaw,
    STRAIGHT_DOWN,
)


class TaskFileError(ValueError):
    """The task file cannot be used; the message names file, key and remedy."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where ee_gripper_link may go, in base_link."""

    low: FloatArray
    """(3,) corner of the box [m]"""
    high: FloatArray
    """(3,) opposite corner [m]"""
    max_tilt: float
    """from straight down [rad]"""
    max_yaw: float
    """about the vertical, either way [rad]"""

    def contains(self, pose: Pose, tolerance: float = 1e-9) -> bool:
        """Tell whether a pose is inside, up to a tolerance in m and rad."""
        tilt_vector, yaw = split_tilt_and_yaw(pose.rotation)
        return bool(
            np.all(pose.position >= self.low - tolerance)
            and np.all(pose.position <= self.high + tolerance)
            and np.linalg.norm(tilt_vector) <= self.max_tilt + tolerance
            and abs(yaw) <= self.max_yaw + tolerance
        )


@dataclass(frozen=True, kw_only=True)
class DriverTask:
    """What the driver needs to know of a task."""

    robot: str
    """prefix of the frames and model of the arm"""
    control_rate_hz: float
    """targets per second"""
    start_pose: Pose
    """where an episode begins"""
    start_gripper: float
    """opening there, 0 closed .. 1 open"""
    workspace: Workspace

    @property
    def control_period_s(self) -> float:
        """Time between two targets."""
        return 1.0 / self.control_rate_hz

    @property
    def base_frame(self) -> str:
        """Frame in which targets are given."""
        return f'{self.robot}/base_link'


def load_driver_task(path: Path) -> DriverTask:
    """Read the driver's sections of a task file.

    Raises:
        TaskFileError: The file is missing, is not YAML, or a key is missing, unknown or wrong.
    """
    if path == Path():
        raise TaskFileError('parameter task_file is empty; give the path of a task file')
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaskFileError(
            f'{path}: {error}; give the path of a readable task file, saved as UTF-8'
        ) from error
    if not isinstance(content, dict):
        raise TaskFileError(f'{path}: holds no keys; see config/tasks for an example')
    start = _section(path, content, 'start', ('position', 'roll_pitch_yaw', 'gripper'))
    box = _section(path, content, 'workspace', ('low', 'high', 'max_tilt', 'max_yaw'))
    tilt = roll_pitch_yaw_to_matrix(_vector(path, 'start.roll_pitch_yaw', start))
    robot = content.get('robot')
    if not isinstance(robot, str) or not robot:
        raise TaskFileError(f'{path}: robot is {robot!r}; give the model of the arm, e.g. wx250s')
    task = DriverTask(
        robot=robot,
        control_rate_hz=_number(path, 'control_rate_hz', content, 0.1, 100.0),
        start_pose=Pose(
            position=_vector(path, 'start.position', start), rotation=tilt @ STRAIGHT_DOWN
        ),
        start_gripper=_number(path, 'start.gripper', start, 0.0, 1.0),
        workspace=Workspace(
            low=_vector(path, 'workspace.low', box),
            high=_vector(path, 'workspace.high', box),
            max_tilt=_number(path, 'workspace.max_tilt', box, 0.0, np.pi / 2),
            max_yaw=_number(path, 'workspace.max_yaw', box, 0.0, np.pi),
        ),
    )
    if not np.all(task.workspace.low < task.workspace.high):
        raise TaskFileError(f'{path}: workspace.low must be below workspace.high on every axis')
    if not task.workspace.contains(task.start_pose):
        raise TaskFileError(f'{path}: start lies outside workspace; move one of the two')
    fault = floor_fault(float(task.workspace.low[2]), task.workspace.max_tilt)
    if fault:
        raise TaskFileError(f'{path}: {fault}')
    return task


def _section(
    path: Path, content: dict[str, Any], name: str, keys: tuple[str, ...]
) -> dict[str, Any]:
    section = content.get(name)
    if not isinstance(section, dict):
        raise TaskFileError(f'{path}: section {name} is missing; it needs {", ".join(keys)}')
    for key in keys:
        if key not in section:
            raise TaskFileError(f'{path}: {name}.{key} is missing; {name} needs {", ".join(keys)}')
    for key in section:
        if key not in keys:
            raise TaskFileError(f'{path}: {name}.{key} is unknown; {name} has {", ".join(keys)}')
    return section


def _number(path: Path, name: str, section: dict[str, Any], low: float, high: float) -> float:
    value = section.get(name.rsplit('.', 1)[-1])
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is None or not is_number or not low <= value <= high:
        raise TaskFileError(f'{path}: {name} is {value!r}; give a number in {low:g}..{high:g}')
    return float(value)


def _vector(path: Path, name: str, section: dict[str, Any]) -> FloatArray:
    value = section.get(name.rsplit('.', 1)[-1])
    try:
        vector = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        vector = np.array(np.nan)
    if vector.shape != (3,) or not np.all(np.isfinite(vector)):
        raise TaskFileError(f'{path}: {name} is {value!r}; give three numbers')
    return vector
