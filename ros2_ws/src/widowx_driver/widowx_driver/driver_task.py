# SPDX-License-Identifier: Apache-2.0
"""The driver's part of a task file: control rate, start pose, workspace."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parl_files.task_file import load_task_file, TaskFileError
from widowx_driver.arm.fingertip import floor_fault
from widowx_driver.arm.pose import (
    FloatArray,
    Pose,
    roll_pitch_yaw_to_matrix,
    split_tilt_and_yaw,
    STRAIGHT_DOWN,
)


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
    task = load_task_file(path)
    start, box = task.section('start'), task.section('workspace')
    start.allow_only('position', 'roll_pitch_yaw', 'gripper')
    box.allow_only('low', 'high', 'max_tilt', 'max_yaw')
    tilt = roll_pitch_yaw_to_matrix(np.array(start.vector('roll_pitch_yaw')))
    start_pose = Pose(position=np.array(start.vector('position')), rotation=tilt @ STRAIGHT_DOWN)
    workspace = Workspace(
        low=np.array(box.vector('low')),
        high=np.array(box.vector('high')),
        max_tilt=box.number('max_tilt', 0.0, np.pi / 2),
        max_yaw=box.number('max_yaw', 0.0, np.pi),
    )
    if not np.all(workspace.low < workspace.high):
        raise box.fault('low', 'must be below workspace.high on every axis')
    if not workspace.contains(start_pose):
        raise task.fault('start', 'lies outside workspace; move one of the two')
    fault = floor_fault(float(workspace.low[2]), workspace.max_tilt)
    if fault:
        raise TaskFileError(f'{path}: {fault}')
    return DriverTask(
        robot=task.value(str, 'robot'),
        control_rate_hz=task.number('control_rate_hz', 0.1, 100.0),
        start_pose=start_pose,
        start_gripper=start.number('gripper', 0.0, 1.0),
        workspace=workspace,
    )
