# SPDX-License-Identifier: Apache-2.0
"""What the reward detector needs to know of the camera: the `camera` section of a task file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from parl_files.config_file import SharedSection
from parl_files.task_file import Vector3
from reward_detector.camera.table_homography import TableHomography


@dataclass(frozen=True, kw_only=True)
class TablePoints:
    """Marks on the table, touched and clicked; they must fix the plane."""

    pixels: tuple[tuple[float, float], ...]
    """(u, v) of each."""
    points: tuple[tuple[float, float], ...]
    """(x, y) of each [m, base_link]."""

    def __post_init__(self) -> None:
        """Fit, so that marks that do not fix the table are refused; raises CalibrationError."""
        _ = self.homography

    @cached_property
    def homography(self) -> TableHomography:
        """The table as the camera sees it."""
        return TableHomography.fit(pixels=np.array(self.pixels), points=np.array(self.points))


@dataclass(frozen=True, kw_only=True)
class CameraCalibration(SharedSection):
    """One third-person camera that looks at the table."""

    width: int
    """Image width the calibration was made at [px]."""
    height: int
    """Image height the calibration was made at [px]."""
    position: Vector3
    """Optical centre [m], base_link; 2 cm of error moves a raised object by under 1 mm."""
    max_age: float
    """A frame older than this is no evidence [s]."""
    table_points: TablePoints

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.position[2] <= 0.05:
            raise ValueError(f'position z {self.position[2]} m: a camera is above the table')
        if self.max_age <= 0:
            raise ValueError(f'max_age {self.max_age} s must be positive')

    @property
    def homography(self) -> TableHomography:
        """The table as this camera sees it."""
        return self.table_points.homography
