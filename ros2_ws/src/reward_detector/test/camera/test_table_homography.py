# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from reward_detector.camera.table_homography import (
    CalibrationError,
    raise_to_plane,
    TableHomography,
)

# Seen from straight above at 1000 px/m: x = 0.5 - v/1000, y = 0.3 - u/1000.
PIXELS = np.array([[0.0, 0.0], [600.0, 0.0], [600.0, 400.0], [0.0, 400.0], [300.0, 200.0]])
POINTS = np.array([[0.5, 0.3], [0.5, -0.3], [0.1, -0.3], [0.1, 0.3], [0.3, 0.0]])


def test_hand_computed_points():
    homography = TableHomography.fit(PIXELS, POINTS)
    expected = [[0.4, 0.1, 0.0], [0.2, -0.15, 0.0]]
    np.testing.assert_allclose(
        homography.to_base(np.array([[200, 100], [450, 300]])), expected, atol=1e-6
    )
    np.testing.assert_allclose(homography.residuals_mm, 0.0, atol=1e-3)


def test_hand_computed_perspective():
    # x = 1 / (1 + v/100), y = (u/100) / (1 + v/100): at v = 100 everything is half as far.
    pixels = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
    points = np.array([[1.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.5, 0.0]])
    homography = TableHomography.fit(pixels, points)
    # v = 300: scale 4, so x = 0.25 and y = 2 / 4.
    np.testing.assert_allclose(homography.to_base(np.array([200, 300]))[0], [0.25, 0.5, 0.0])
    # v <= -100 is the horizon and beyond.
    assert np.all(np.isnan(homography.to_base(np.array([0, -150]))[0, :2]))


def test_residual_of_a_wrong_click_is_in_millimetres():
    points = POINTS.copy()
    points[4] += (0.010, 0.0)
    residuals = TableHomography.fit(PIXELS, points).residuals_mm
    assert residuals.argmax() == 4
    assert 3.0 < residuals[4] < 10.0


@given(u=st.floats(0, 639), v=st.floats(120, 479), tilt=st.floats(1e-4, 1.5e-3))
@settings(max_examples=30, deadline=None)
def test_a_pixel_between_the_marks_maps_as_they_do(u, v, tilt):
    matrix = np.array([[0.0, -1e-3, 0.6], [-1e-3, 0.0, 0.3], [0.0, tilt, 1.0]])
    mapped = np.c_[PIXELS, np.ones(5)] @ matrix.T
    homography = TableHomography.fit(PIXELS, mapped[:, :2] / mapped[:, 2:])
    x, y, scale = matrix @ [u, v, 1.0]
    np.testing.assert_allclose(
        homography.to_base([u, v]), [[x / scale, y / scale, 0.0]], atol=1e-7
    )


@pytest.mark.parametrize(
    ('rows', 'words'),
    [
        ([0, 1, 2], '3 calibration points'),
        ([], r'must both be|0 calibration points'),
        ([0, 4, 2, 2], 'one line, or repeated'),
        ([0, 0, 1, 1], 'one line, or repeated'),
    ],
)
def test_points_that_fix_nothing(rows, words):
    with pytest.raises(CalibrationError, match=words):
        TableHomography.fit(PIXELS[rows], POINTS[rows])


def test_three_of_four_on_a_line():
    line = np.array([[0.0, 0.0], [100.0, 100.0], [200.0, 200.0], [0.0, 300.0]])
    with pytest.raises(CalibrationError, match='spread them'):
        TableHomography.fit(line, line / 1000)


def test_nan_and_unpaired_points():
    points = POINTS.copy()
    points[0, 0] = np.nan
    with pytest.raises(CalibrationError, match='not finite'):
        TableHomography.fit(PIXELS, points)
    with pytest.raises(CalibrationError, match='in pairs'):
        TableHomography.fit(PIXELS, POINTS[:4])


def test_swapped_points_are_found_or_far_off():
    with pytest.raises(CalibrationError, match='same order'):
        TableHomography.fit(PIXELS[:4], POINTS[[1, 0, 2, 3]])


def test_centre_is_behind_the_contact():
    homography = TableHomography.fit(PIXELS, POINTS)
    # The camera stands below the image: away from it is up in the image, +x on the table.
    away = homography.away_from_camera(np.array([300, 200]))
    np.testing.assert_allclose(away, [1.0, 0.0], atol=1e-6)
    centre = homography.centre_on_table(np.array([300.0, 200.0]), 0.02)
    np.testing.assert_allclose(centre, [0.32, 0.0, 0.0], atol=1e-6)


def test_raised_plane_by_hand():
    # Camera 0.5 m up at x = 1; the ray to x = 0 is at x = 0.1 when 0.05 m above the table.
    camera = np.array([1.0, 0.2, 0.5])
    raised = raise_to_plane(np.array([0.0, 0.2, 0.0]), camera, 0.05)
    np.testing.assert_allclose(raised, [0.1, 0.2, 0.05])
