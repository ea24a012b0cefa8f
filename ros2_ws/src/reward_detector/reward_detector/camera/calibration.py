# SPDX-License-Identifier: Apache-2.0
"""The `camera` section of a task file, as the reward detector needs it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from parl_files.config_file import SharedSection
from parl_files.task_file import Vector3
from reward_detector.camera.table_homography import TableHomography


@dataclass(frozen=True, kw_only=True)
class TablePoints:
    """Marks on the table, touched with the arm and clicked in the image; they fix the plane."""

    pixels: tuple[tuple[float, float], ...]
    """(u, v) of each mark in the image [px]."""
    points: tuple[tuple[float, float], ...]
    """(x, y) of each mark in `base_link` [m]."""

    def __post_init__(self) -> None:
        """Fit the homography, so that a CalibrationError comes at once and not at first use."""
        _ = self.homography

    @cached_property
    def homography(self) -> TableHomography:
        """The table plane as the camera sees it."""
        return TableHomography.fit(pixels=np.array(self.pixels), points=np.array(self.points))


@dataclass(frozen=True, kw_only=True)
class CameraCalibration(SharedSection):
    """One third-person camera that looks at the table."""

    width: int
    """Image width at which the calibration was made [px]."""
    height: int
    """Image height at which the calibration was made [px]."""
    position: Vector3
    """Optical centre in `base_link` [m]; 2 cm of error moves a raised object by under 1 mm."""
    max_age: float
    """A frame older than this is no evidence [s]."""
    table_points: TablePoints

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.position[2] <= 0.05:
            raise ValueError(f'position z is {self.position[2]} m; give a height above 0')
        if self.max_age <= 0:
            raise ValueError(f'max_age is {self.max_age} s; give more than 0')

    @property
    def homography(self) -> TableHomography:
        """The table plane as this camera sees it."""
        return self.table_points.homography
