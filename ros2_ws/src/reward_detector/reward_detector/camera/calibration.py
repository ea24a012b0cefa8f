# SPDX-License-Identifier: Apache-2.0
"""What the reward detector needs to know of the camera, from the `camera` section."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parl_files.task_file import Section
from reward_detector.camera.table_homography import TableHomography


@dataclass(frozen=True, kw_only=True)
class CameraCalibration:
    """One third-person camera that looks at the table."""

    width: int
    """Image width the calibration was made at [px]."""
    height: int
    """Image height the calibration was made at [px]."""
    position: np.ndarray
    """(3,) optical centre [m], base_link; 2 cm of error moves a raised object by under 1 mm."""
    max_age: float
    """A frame older than this is no evidence [s]."""
    homography: TableHomography
    """The table as this camera sees it."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.position[2] <= 0.05:
            raise ValueError(f'position z {self.position[2]} m: a camera is above the table')
        if self.max_age <= 0:
            raise ValueError(f'max_age {self.max_age} s must be positive')


def camera_calibration(task: Section) -> CameraCalibration:
    """Parse the parts of the `camera` section that calibrate the detector.

    Raises:
        TaskFileError: a key is missing or wrong, or the table points do not fix the table.
    """
    section = task.section('camera')
    table_points = section.section('table_points')
    table_points.allow_only('pixels', 'points')
    homography = table_points.make(
        TableHomography.fit,
        pixels=np.array(table_points.value(list[tuple[float, float]], 'pixels')),
        points=np.array(table_points.value(list[tuple[float, float]], 'points')),
    )
    return section.make(
        CameraCalibration,
        width=section.value(int, 'width'),
        height=section.value(int, 'height'),
        position=np.array(section.vector('position')),
        max_age=section.value(float, 'max_age'),
        homography=homography,
    )
