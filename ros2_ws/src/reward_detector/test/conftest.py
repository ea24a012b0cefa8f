# SPDX-License-Identifier: Apache-2.0
"""The real task file, a way to change it, and drawn camera images of the station."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from parl_files.task_file import read_task
from reward_detector.camera.calibration import CameraCalibration
from reward_detector.verdict.frame_judge import DetectorTask

RACK_XY = (0.28, 0.16)


@pytest.fixture
def cup_task() -> Path:
    return Path(__file__).resolve().parents[2] / 'widowx_bringup/config/tasks/cup_to_rack.yaml'


@pytest.fixture
def change_task(cup_task: Path, tmp_path: Path) -> Callable[[tuple[str | int, ...], object], Path]:
    """Writes the cup task with one key changed (None: removed) and returns the new path."""

    def change(keys: tuple[str | int, ...], value: object) -> Path:
        task = yaml.safe_load(cup_task.read_text(encoding='utf-8'))
        section = task
        for key in keys[:-1]:
            section = section[key]
        if value is None:
            del section[keys[-1]]
        else:
            section[keys[-1]] = value
        path = tmp_path / 'task.yaml'
        path.write_text(yaml.safe_dump(task), encoding='utf-8')
        return path

    return change


@pytest.fixture
def camera(cup_task: Path) -> CameraCalibration:
    return read_task(DetectorTask, cup_task).camera


@pytest.fixture
def draw(camera: CameraCalibration) -> Callable[..., np.ndarray]:
    """Draws table, rack and, where told, the cup: only lower edges are true to perspective."""

    to_pixels = np.linalg.inv(camera.homography.matrix)

    def project(corners: np.ndarray, height: float) -> np.ndarray:
        centre = camera.position[:2]
        on_table = centre + (corners - centre) * (
            camera.position[2] / (camera.position[2] - height)
        )
        pixels = np.c_[on_table, np.ones(len(on_table))] @ to_pixels.T
        return pixels[:, :2] / pixels[:, 2:]

    def fill(image: np.ndarray, corners: np.ndarray, rgb: tuple[int, int, int]) -> None:
        hull = cv2.convexHull(np.round(corners).astype(np.int32))
        cv2.fillConvexPoly(image, hull, rgb)

    def image_of(
        cup_xy: tuple[float, float] | None, cup_height: float = 0.0, rack: bool = True
    ) -> np.ndarray:
        image = np.full((camera.height, camera.width, 3), 200, np.uint8)
        if rack:
            square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.065 + RACK_XY
            fill(image, project(square, 0.0), (26, 166, 38))
        if cup_xy is not None:
            angles = np.linspace(0, 2 * np.pi, 64)
            rim = 0.019 * np.c_[np.cos(angles), np.sin(angles)] + cup_xy
            low = project(rim, cup_height)
            fill(image, np.r_[low, low - (0.0, 45.0)], (26, 76, 230))
        return image

    return image_of
