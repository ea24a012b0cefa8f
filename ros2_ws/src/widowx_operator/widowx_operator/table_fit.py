# SPDX-License-Identifier: Apache-2.0
"""Fits a flat table to touched and clicked marks: the homography and its residuals."""

from dataclasses import dataclass

import cv2
import numpy as np

from parl_files.error import ParlError

FEWEST_MARKS = 4


class TableFitError(ParlError):
    """The marks do not fix the table plane."""


@dataclass(frozen=True)
class TableFit:
    """The map from pixels to points of the table.

    Attributes:
        matrix: (3, 3) homography, (u, v, 1) [px] to (x, y, 1) [m, base_link] up to scale.
        residuals_mm: (N,) distance of each mark from the point its pixel maps to [mm].
    """

    matrix: np.ndarray
    residuals_mm: np.ndarray


def fit_table(pixels: np.ndarray, points: np.ndarray) -> TableFit:
    """Fit the table as the reward detector does when it reads the marks from the task file.

    Args:
        pixels: (N, 2) (u, v) [px].
        points: (N, 2) (x, y) of the same marks [m, base_link].

    Raises:
        TableFitError: There are fewer than 4 marks, or they lie on a line.
    """
    if len(points) < FEWEST_MARKS:
        raise TableFitError(
            f'{len(points)} marks; a table needs {FEWEST_MARKS}, better six: touch another mark'
        )
    if min(_thickness(pixels), _thickness(points)) < 0.02:
        raise TableFitError(
            f'the {len(points)} marks lie nearly on one line; touch some to the side of it'
        )
    matrix, _ = cv2.findHomography(np.asarray(pixels, float), np.asarray(points, float), 0)
    if matrix is None or not np.isfinite(matrix).all():
        raise TableFitError(
            f'no table fits the {len(points)} marks; are three of four on one line, or was a '
            'pixel given to the wrong mark? Take them back, and touch them again'
        )
    mapped = np.c_[pixels, np.ones(len(pixels))] @ matrix.T
    if not (np.all(mapped[:, 2] > 0) or np.all(mapped[:, 2] < 0)):
        raise TableFitError(
            f'the {len(points)} marks are seen on both sides of the horizon; a pixel was given to '
            'the wrong mark: take them back, and touch them again'
        )
    distances = np.linalg.norm(mapped[:, :2] / mapped[:, 2:] - points, axis=1)
    return TableFit(matrix, 1e3 * distances)


def _thickness(values: np.ndarray) -> float:
    """Return how far values (N, 2) are from one line: 0 on a line, 1 for a round cloud."""
    singular = np.linalg.svd(values - np.mean(values, axis=0), compute_uv=False)
    return float(singular[1] / singular[0]) if singular[0] > 0 else 0.0
