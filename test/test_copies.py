# SPDX-License-Identifier: Apache-2.0
"""What packages that do not import each other have a copy of is the same everywhere."""

import pytest
from sensor_msgs.msg import JointState

from parl_policy.ros.message_conversion import to_opening
from reward_detector.verdict import gripper_opening
from widowx_driver.arm import model as arm_model
from widowx_sim.servos import wx250s


def test_the_finger_travels_alike():
    travel = (arm_model.FINGER_CLOSED_M, arm_model.FINGER_OPEN_M)
    assert travel == (wx250s.FINGER_CLOSED_M, wx250s.FINGER_OPEN_M)
    for seen in (gripper_opening.gripper_opening, opening):
        assert [seen(finger_m) for finger_m in travel] == [0.0, 1.0]
        # And neither is clipped: half way is half open.
        assert seen(sum(travel) / 2) == pytest.approx(0.5)


def opening(finger_m: float) -> float:
    """What the policy sees of a finger position."""
    message = JointState(name=['left_finger'], position=[finger_m])
    return to_opening(message)
