# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip('rclpy', reason='no ROS 2 in this Python')

from parl_learner.methods.stage import StageName
from parl_learner.ros.message_conversion import PHASES


def test_every_stage_has_a_phase():
    assert set(PHASES) == set(StageName)
