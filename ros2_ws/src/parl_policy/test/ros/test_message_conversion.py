# SPDX-License-Identifier: Apache-2.0
import math

import pytest
from sensor_msgs.msg import JointState

from parl_policy.ros.message_conversion import to_opening


@pytest.mark.parametrize(
    ('finger_m', 'opening'),
    [(0.010, 0.0), (0.0235, 0.5), (0.037, 1.0), (0.004, 0.0), (0.040, 1.0)],
)
def test_opening_by_hand(finger_m, opening):
    message = JointState(name=['waist', 'left_finger'], position=[0.1, finger_m])
    assert to_opening(message) == pytest.approx(opening)


@pytest.mark.parametrize(
    ('names', 'positions'),
    [
        (['waist'], [0.1]),
        (['waist', 'left_finger'], [0.1]),
        (['left_finger'], []),
        (['left_finger'], [-math.pi]),
        (['left_finger'], [math.nan]),
    ],
)
def test_opening_that_cannot_be_known_is_nan(names, positions):
    assert math.isnan(to_opening(JointState(name=names, position=positions)))
