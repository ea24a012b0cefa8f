# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_operator.table_fit import fit_table, TableFitError

MATRIX = np.array([[0.0, -1e-3, 0.6], [-1e-3, 0.0, 0.3], [0.0, 5e-4, 1.0]])
"""A camera that looks down at a slant: (u, v) -> ((0.6 - v/1000) / w, (0.3 - u/1000) / w)."""
PIXELS = np.array(
    [[100.0, 100.0], [300.0, 100.0], [500.0, 100.0], [100.0, 400.0], [300.0, 400.0], [500.0, 400]]
)
POINTS = np.array(
    # w = 1 + v/2000: 1.05 in the upper row, 1.2 in the lower one
    [[0.5 / 1.05, 0.2 / 1.05], [0.5 / 1.05, 0.0], [0.5 / 1.05, -0.2 / 1.05],
     [0.2 / 1.2, 0.2 / 1.2], [0.2 / 1.2, 0.0], [0.2 / 1.2, -0.2 / 1.2]]
)  # fmt: skip


def test_known_projective_map_is_found():
    fit = fit_table(PIXELS, POINTS)
    np.testing.assert_allclose(fit.matrix / fit.matrix[2, 2], MATRIX, atol=1e-6)
    np.testing.assert_allclose(fit.residuals_mm, 0.0, atol=1e-3)


def test_residuals_by_hand():
    # Corners and middle of a square, 1 mm a pixel; the middle was touched 10 mm off in x.
    # To first order, in units of half the side from the middle, a homography can add
    # dx = a + g x^2 and dy = g x y. The least squares 4 (a + g)^2 + 4 g^2 + (10 - a)^2 has
    # a = 10/3 and g = -5/3: 5/3 mm in x and in y at the corners, 20/3 mm in the middle.
    pixels = np.array([[0.0, 0.0], [200.0, 0.0], [0.0, 200.0], [200.0, 200.0], [100.0, 100.0]])
    points = pixels / 1e3
    points[4, 0] += 0.010
    residuals_mm = fit_table(pixels, points).residuals_mm
    np.testing.assert_allclose(residuals_mm[:4], np.hypot(5 / 3, 5 / 3), atol=0.15)
    np.testing.assert_allclose(residuals_mm[4], 20 / 3, atol=0.15)


def test_same_as_the_reward_detector():
    detector = pytest.importorskip(
        'reward_detector.camera.table_homography', reason='no detector here'
    )
    points = POINTS + np.random.default_rng(0).normal(0.0, 0.002, POINTS.shape)
    expected = detector.TableHomography.fit(PIXELS, points)
    fit = fit_table(PIXELS, points)
    np.testing.assert_allclose(fit.residuals_mm, expected.residuals_mm, atol=1e-9)


@pytest.mark.parametrize(
    ('rows', 'words'),
    [
        ([0, 1, 3], '3 marks; a table needs 4'),
        ([], '0 marks'),
        ([0, 1, 2, 0], '4 marks lie nearly on one line'),
        ([0, 0, 0, 0], 'nearly on one line'),
    ],
)
def test_marks_that_fix_nothing(rows, words):
    with pytest.raises(TableFitError, match=words):
        fit_table(PIXELS[rows], POINTS[rows])


def test_swapped_pixels_of_four_marks_are_found():
    rows = [0, 2, 3, 5]
    with pytest.raises(TableFitError, match='wrong mark'):
        fit_table(PIXELS[rows], POINTS[[2, 0, 3, 5]])
