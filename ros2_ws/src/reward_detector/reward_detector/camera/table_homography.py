# SPDX-License-Identifier: Apache-2.0
"""Maps pixels to points on the table plane; fitted to a few touched and clicked marks."""

from dataclasses import dataclass

import cv2
import numpy as np

from parl_files.error import ParlError

# Smallest usable ratio of singular values of the normalised equations (0 for collinear points).
_MIN_CONDITION = 1e-3


class CalibrationError(ParlError):
    """The calibration points do not fix the table plane; the message says why."""


@dataclass(frozen=True, kw_only=True)
class TableHomography:
    """The plane z = 0 of `base_link` as the camera sees it, without lens distortion."""

    matrix: np.ndarray
    """(3, 3) maps pixel (u, v, 1) to table (x, y, 1) up to a scale, positive before the camera."""
    residuals_mm: np.ndarray
    """(N,) distance between each calibration point and the point that its pixel maps to [mm]."""

    @staticmethod
    def fit(pixels: np.ndarray, points: np.ndarray) -> 'TableHomography':
        """Fit by least squares (cv2.findHomography, Hartley and Zisserman 2nd ed. alg. 4.2).

        Args:
            pixels: (N, 2) (u, v), N >= 4.
            points: (N, 2) (x, y) on the table in `base_link` [m].

        Raises:
            CalibrationError: There are fewer than 4 pairs, a shape is wrong, a value is not
                finite, or the points do not fix the plane (for example all on one line).
        """
        pixels = np.asarray(pixels, np.float64)
        points = np.asarray(points, np.float64)
        _check_pairs(pixels, points)
        matrix, _ = cv2.findHomography(pixels, points, 0)
        if matrix is None or not np.all(np.isfinite(matrix)):
            raise CalibrationError('no homography fits the calibration points; measure them again')
        scales = _with_column(pixels, 1.0) @ matrix[2]
        if not (np.all(scales > 0) or np.all(scales < 0)):
            raise CalibrationError(
                'some calibration pixels lie beyond the horizon of the others; '
                'check that pixels and points are in the same order'
            )
        matrix = matrix * np.sign(scales[0])
        mapped = _apply(matrix, pixels)
        residuals_mm = 1e3 * np.linalg.norm(mapped - points, axis=1)
        return TableHomography(matrix=matrix, residuals_mm=residuals_mm)

    def to_base(self, pixels: np.ndarray) -> np.ndarray:
        """Map pixels (N, 2) to points (N, 3) [m] on z = 0; NaN for pixels above the horizon."""
        pixels = np.atleast_2d(np.asarray(pixels, np.float64))
        return _with_column(_apply(self.matrix, pixels), 0.0)

    def away_from_camera(self, pixel: np.ndarray) -> np.ndarray:
        """Return the (2,) unit vector on the table that points straight away from the camera.

        An image row of a camera without roll is a line across the viewing direction, so the
        direction is perpendicular to the row through `pixel` (2,), on the side of smaller v.
        """
        u, v = np.asarray(pixel, np.float64)
        left, right, above, here = self.to_base(
            np.array([[u - 1, v], [u + 1, v], [u, v - 1], [u, v]])
        )[:, :2]
        across = right - left
        normal = np.array([-across[1], across[0]]) / np.linalg.norm(across)
        return normal if normal @ (above - here) > 0 else -normal

    def centre_on_table(self, contact_px: np.ndarray, contact_to_centre: float) -> np.ndarray:
        """Return the (3,) centre [m] of an object on the table from its contact pixel (2,).

        The camera sees the near rim of the base; the centre is `contact_to_centre` [m] behind it.
        """
        rim = self.to_base(contact_px)[0]
        shift = contact_to_centre * self.away_from_camera(contact_px)
        return rim + np.array([shift[0], shift[1], 0.0])


def raise_to_plane(on_table: np.ndarray, camera: np.ndarray, height: float) -> np.ndarray:
    """Return the point (3,) [m] where the ray from the camera to a table point meets z = height.

    An object that stands `height` above the table appears on z = 0 farther from the camera by
    height x tan(view angle); this function removes that shift.

    Args:
        on_table: (3,) [m] in `base_link`, with z = 0.
        camera: (3,) optical centre in `base_link` [m].
        height: Height of the plane [m], below the camera.
    """
    return on_table + (camera - on_table) * (height / camera[2])


def _apply(matrix: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    mapped = _with_column(pixels, 1.0) @ matrix.T
    scale = np.where(mapped[:, 2:] > 0, mapped[:, 2:], np.nan)
    return mapped[:, :2] / scale


def _with_column(values: np.ndarray, number: float) -> np.ndarray:
    """Return `values` (N, 2) with a third column of one number; np.c_ takes three times longer."""
    return np.concatenate((values, np.full((len(values), 1), number)), axis=1)


def _check_pairs(pixels: np.ndarray, points: np.ndarray) -> None:
    if pixels.ndim != 2 or pixels.shape[1:] != (2,) or pixels.shape != points.shape:
        raise CalibrationError(
            f'pixels {pixels.shape} and points {points.shape} must both be (N, 2), in pairs'
        )
    if len(pixels) < 4:
        raise CalibrationError(f'{len(pixels)} calibration points; a homography needs 4 or more')
    if not (np.all(np.isfinite(pixels)) and np.all(np.isfinite(points))):
        raise CalibrationError('a calibration point is not finite; measure it again')
    a, b = _normalised(pixels), _normalised(points)
    one, zero = np.ones((len(a), 1)), np.zeros((len(a), 3))
    a1 = np.hstack([a, one])
    equations = np.vstack(
        [np.hstack([a1, zero, -b[:, :1] * a1]), np.hstack([zero, a1, -b[:, 1:] * a1])]
    )
    singular = np.linalg.svd(equations, compute_uv=False)
    if singular[7] < _MIN_CONDITION * singular[0]:
        raise CalibrationError(
            'the calibration points do not fix the table plane (three of four, or all, on one '
            'line, or repeated); spread them over the table'
        )


def _normalised(values: np.ndarray) -> np.ndarray:
    """Return the matrix that shifts to mean 0 and scales to mean distance sqrt(2) (H&Z 4.4.4)."""
    centred = values - values.mean(axis=0)
    distance = np.linalg.norm(centred, axis=1).mean()
    return centred * (np.sqrt(2.0) / distance) if distance > 0 else centred
