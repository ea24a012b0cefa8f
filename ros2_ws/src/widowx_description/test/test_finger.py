# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from widowx_description.finger import finger_from_opening, opening_from_finger


@pytest.mark.parametrize(
    ('finger_m', 'opening'),
    [
        (0.010, 0.0), (0.0235, 0.5), (0.037, 1.0),
        (0.009, 0.0), (0.004, 0.0), (0.038, 1.0), (0.040, 1.0),
    ],
)  # fmt: skip
def test_opening_by_hand(finger_m, opening):
    assert opening_from_finger(finger_m) == pytest.approx(opening)


@pytest.mark.parametrize('finger_m', [-math.pi, math.nan, -0.01, 0.1, math.inf])
def test_failed_reads_are_not_an_opening(finger_m):
    assert math.isnan(opening_from_finger(finger_m))


@pytest.mark.parametrize('opening', [0.0, 0.25, 1.0])
def test_there_and_back(opening):
    assert opening_from_finger(finger_from_opening(opening)) == pytest.approx(opening)
