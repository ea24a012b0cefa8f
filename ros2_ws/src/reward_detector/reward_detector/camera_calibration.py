# SPDX-License-Identifier: Apache-2.0
"""What the reward detector needs to know of the camera, from the `camera` section."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reward_detector.table_homography import CalibrationError, TableHomography
from reward_detector.task_section import Section, TaskFileError


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
        if self.position.shape != (3,) or not np.all(np.isfinite(self.position)):
            raise ValueError(f'position {self.position} must be three numbers [m]')
        if self.position[2] <= 0.05:
            raise ValueError(f'position z {self.position[2]} m: a camera is above the table')
        if self.max_age <= 0:
            raise ValueError(f'max_age {self.max_age} s must be positive')


def camera_calibration(task: dict[str, object], path: str | Path) -> CameraCalibration:
    """Parse the parts of the `camera` section that calibrate the detector.

    Raises:
        TaskFileError: a key is missing or wrong, or the table points do not fix the table.
    """
    section = Section(task.get('camera'), 'camera', path)
    table_points = section.section('table_points')
    table_points.allow_only('pixels', 'points')
    try:
        homography = TableHomography.fit(
            _pairs(table_points.value('pixels')), _pairs(table_points.value('points'))
        )
    except CalibrationError as error:
        raise TaskFileError(f'{path}: camera.table_points: {error}') from error
    try:
        return CameraCalibration(
            width=int(section.number('width')),
            height=int(section.number('height')),
            position=np.asarray(section.value('position'), np.float64),
            max_age=section.number('max_age'),
            homography=homography,
        )
    except TaskFileError:
        raise
    except (TypeError, ValueError) as error:
        raise TaskFileError(f'{path}: camera: {error}') from error


def _pairs(values: object) -> np.ndarray:
    try:
        return np.asarray(values, np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise CalibrationError(f'must be a list of [a, b] pairs ({error})') from error
