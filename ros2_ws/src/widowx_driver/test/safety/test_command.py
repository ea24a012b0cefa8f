# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_description.finger import finger_from_opening
from widowx_driver.arm.pose import Pose
from widowx_driver.safety.command import Command


def gap_m(opening):
    return Command(
        joint_positions=np.zeros(6),
        finger_m=finger_from_opening(opening),
        executed=Pose(position=np.zeros(3), rotation=np.eye(3)),
        gripper=opening,
    ).finger_gap_m


def test_the_gap_is_twice_the_way_of_a_finger():
    assert [gap_m(opening) for opening in (0.0, 1.0)] == pytest.approx([0.020, 0.074])


@pytest.mark.parametrize('opening', [0.0, 1.0])
def test_the_arms_driver_finds_an_angle_for_a_closed_and_an_open_gripper(opening):
    """It takes half the gap, and the law of cosines with a horn of 14 and a rod of 24 mm.

    Closed is the dead point, cosine -1: one rounding further and the goal would be no number.
    """
    half, horn, rod = np.float32([gap_m(opening) / 2, 0.014, 0.024])
    numerator = float(horn) ** 2 + float(half) ** 2 - float(rod) ** 2
    cosine = numerator / float(np.float32(2) * horn * half)
    assert -1.0 <= cosine <= 1.0
