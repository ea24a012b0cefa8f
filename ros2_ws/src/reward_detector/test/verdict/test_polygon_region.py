# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from reward_detector.verdict.polygon_region import greatest_depth, signed_distance

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
NOTCHED = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], float)


@pytest.mark.parametrize(
    ('point', 'distance'),
    [
        ((0.0, 0.0), 1.0),
        ((0.7, 0.2), 0.3),
        ((1.5, 0.0), -0.5),
        ((4.0, 5.0), -5.0),
        ((1.0, 0.0), 0.0),
        ((0.0, -1.25), -0.25),
    ],
)
def test_square_by_hand(point, distance):
    assert signed_distance(SQUARE, np.array(point)) == pytest.approx(distance, abs=1e-12)
    assert signed_distance(SQUARE[::-1], np.array(point)) == pytest.approx(distance, abs=1e-12)


def test_notch_is_outside():
    assert signed_distance(NOTCHED, np.array([2.0, 2.0])) < 0
    assert signed_distance(NOTCHED, np.array([2.0, 0.5])) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ('polygon', 'radius'),
    [
        (SQUARE, 1.0),
        (np.add(SQUARE, [5.0, -7.0]), 1.0),
        ([[0, 0], [3, 0], [0, 4]], 1.0),
        ([[0, 0], [10, 0], [10, 1], [0, 1]], 0.5),
        ([[0, 0], [4, 0], [4, 4], [3, 4], [3, 1], [0, 1]], 2.0 - np.sqrt(2.0)),
        ([[0, 0], [1, 1], [2, 2]], 0.0),
    ],
)
def test_largest_inner_circle_by_hand(polygon, radius):
    polygon = np.array(polygon, float)
    extent = np.ptp(polygon, axis=0).max()
    depth = greatest_depth(polygon)
    assert radius - 1e-3 * extent <= depth <= radius + 1e-9


@given(x=st.floats(-3, 3), y=st.floats(-3, 3))
@settings(max_examples=50, deadline=None)
def test_sign_agrees_with_the_square(x, y):
    expected = max(abs(x), abs(y)) < 1.0
    distance = signed_distance(SQUARE, np.array([x, y]))
    assert (distance > 0) == expected or abs(distance) < 1e-9
