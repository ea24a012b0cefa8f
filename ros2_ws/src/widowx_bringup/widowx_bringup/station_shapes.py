# SPDX-License-Identifier: Apache-2.0
"""Reads the workspace box and the camera's pose from a task file."""

from dataclasses import dataclass
from itertools import combinations, product
import math
from pathlib import Path

from parl_files.config_file import SharedSection, Text
from parl_files.task_file import read_task, Vector3


@dataclass(frozen=True, kw_only=True)
class StationShapes:
    """The parts of a task that the displays draw."""

    base_frame: str
    """`<robot>/base_link`."""
    camera_frame: str
    """`<robot>/<camera>_optical`: x right, y down, z forward."""
    low: Vector3
    """Lowest corner of the box of ee_gripper_link [m, base_link]."""
    high: Vector3
    """Highest corner of the box of ee_gripper_link [m, base_link]."""
    camera_position: Vector3
    """Optical centre of the camera [m, base_link]."""
    camera_quaternion: tuple[float, float, float, float]
    """Rotation of the optical frame in base_link, (x, y, z, w)."""

    def box_edges(self) -> list[tuple[Vector3, Vector3]]:
        """Return the 12 edges of the workspace box, each as its two ends [m, base_link]."""
        xs, ys, zs = zip(self.low, self.high, strict=True)
        corners = list(product(xs, ys, zs))
        return [
            (one, other)
            for one, other in combinations(corners, 2)
            if sum(a != b for a, b in zip(one, other, strict=True)) == 1
        ]


@dataclass(frozen=True, kw_only=True)
class _Workspace(SharedSection):
    low: Vector3
    high: Vector3


@dataclass(frozen=True, kw_only=True)
class _Camera(SharedSection):
    name: Text
    position: Vector3
    look_at: Vector3

    def __post_init__(self) -> None:
        _ = self.quaternion  # raises if the roll is not defined

    @property
    def quaternion(self) -> tuple[float, float, float, float]:
        return look_at_quaternion(self.position, self.look_at)


@dataclass(frozen=True, kw_only=True)
class _Sections(SharedSection):
    robot: Text
    workspace: _Workspace
    camera: _Camera


def read_station_shapes(path: str | Path) -> StationShapes:
    """Read `robot`, `workspace` and `camera` of a task file; raises ConfigError."""
    task = read_task(_Sections, path)
    return StationShapes(
        base_frame=f'{task.robot}/base_link',
        camera_frame=f'{task.robot}/{task.camera.name}_optical',
        low=task.workspace.low,
        high=task.workspace.high,
        camera_position=task.camera.position,
        camera_quaternion=task.camera.quaternion,
    )


def look_at_quaternion(position: Vector3, look_at: Vector3) -> tuple[float, float, float, float]:
    """Return the rotation of an optical frame without roll that looks at a point.

    Args:
        position: Optical centre [m].
        look_at: Point on the optical axis [m], in the same frame.

    Returns:
        Quaternion (x, y, z, w).

    Raises:
        ValueError: The point is straight above or below, so that the roll is not defined.
    """
    dx, dy, dz = (b - a for a, b in zip(position, look_at, strict=True))
    across = math.hypot(dx, dy)
    if across < 1e-6:
        raise ValueError('look_at lies straight below or above position; move one of the two')
    # In degrees: the optical frame (z forward, y down) is base_link turned by a yaw of yaw - 90
    # after a roll of -90 - pitch.
    half_yaw = 0.5 * (math.atan2(dy, dx) - 0.5 * math.pi)
    half_tilt = 0.5 * (math.atan2(dz, across) - 0.5 * math.pi)
    sin_yaw, cos_yaw = math.sin(half_yaw), math.cos(half_yaw)
    sin_tilt, cos_tilt = math.sin(half_tilt), math.cos(half_tilt)
    return (cos_yaw * sin_tilt, sin_yaw * sin_tilt, sin_yaw * cos_tilt, cos_yaw * cos_tilt)
