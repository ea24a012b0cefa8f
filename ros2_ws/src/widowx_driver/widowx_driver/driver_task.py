# SPDX-License-Identifier: Apache-2.0
"""The driver's part of a task file: control rate, start pose, workspace."""

from dataclasses import dataclass
import math
from pathlib import Path
from typing import Annotated

import numpy as np

from parl_files.config_file import between, SharedSection, Text
from parl_files.task_file import read_task, Vector3
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
    """largest tilt from straight down [rad]"""
    max_yaw: float
    """largest turn about the vertical, either way [rad]"""

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
    """prefix of the arm's frames, and the arm's model"""
    control_rate_hz: float
    """targets per second"""
    start_pose: Pose
    """where an episode begins"""
    start_gripper: float
    """gripper opening at the start pose, 0 closed .. 1 open"""
    workspace: Workspace

    @property
    def control_period_s(self) -> float:
        """Time between two targets [s]."""
        return 1.0 / self.control_rate_hz

    @property
    def base_frame(self) -> str:
        """The frame in which targets are given."""
        return f'{self.robot}/base_link'


@dataclass(frozen=True, kw_only=True)
class _Start:
    """Where an episode begins, as the file says it."""

    position: Vector3
    roll_pitch_yaw: Vector3
    gripper: Annotated[float, between(0.0, 1.0)]

    @property
    def pose(self) -> Pose:
        tilt = roll_pitch_yaw_to_matrix(np.array(self.roll_pitch_yaw))
        return Pose(position=np.array(self.position), rotation=tilt @ STRAIGHT_DOWN)


@dataclass(frozen=True, kw_only=True)
class _Box:
    """The workspace, as the file says it."""

    low: Vector3
    high: Vector3
    max_tilt: Annotated[float, between(0.0, math.pi / 2)]
    max_yaw: Annotated[float, between(0.0, math.pi)]

    def __post_init__(self) -> None:
        if any(low >= high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError('low must be below high on every axis')

    @property
    def workspace(self) -> Workspace:
        return Workspace(
            low=np.array(self.low),
            high=np.array(self.high),
            max_tilt=self.max_tilt,
            max_yaw=self.max_yaw,
        )


@dataclass(frozen=True, kw_only=True)
class _Sections(SharedSection):
    """What is taken from a task file."""

    robot: Text
    control_rate_hz: Annotated[float, between(0.1, 100.0)]
    start: _Start
    workspace: _Box

    def __post_init__(self) -> None:
        if not self.workspace.workspace.contains(self.start.pose):
            raise ValueError('start lies outside workspace; move one of the two')
        fault = floor_fault(self.workspace.low[2], self.workspace.max_tilt)
        if fault:
            raise ValueError(fault)


def load_driver_task(path: Path) -> DriverTask:
    """Read the driver's sections of a task file.

    Raises:
        ConfigError: The file is missing, is not YAML, or a key is missing, unknown or wrong.
    """
    task = read_task(_Sections, path)
    return DriverTask(
        robot=task.robot,
        control_rate_hz=task.control_rate_hz,
        start_pose=task.start.pose,
        start_gripper=task.start.gripper,
        workspace=task.workspace.workspace,
    )
