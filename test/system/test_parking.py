# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C on the launch file parks the arm: the driver ends before the arm does."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='no ROS 2 in this Python')

from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from parl_msgs.srv import GoToStart
from widowx_description.arm import REST_JOINTS

LIMIT_S = 300.0  # only a hang lasts so long
pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize('pacing', ['realtime', 'lockstep'])
def test_ctrl_c_on_the_station_parks_the_arm(launch, witness, tmp_path, pacing):
    station = launch('sim.launch.yaml', pacing=pacing, data_folder=tmp_path / 'report')
    states = []
    witness.node.create_subscription(
        JointState, 'joint_states', states.append, qos_profile_sensor_data
    )
    client = witness.node.create_client(GoToStart, 'go_to_start')
    station.wait(lambda: states and client.service_is_ready(), 'driver', LIMIT_S)
    answer = client.call_async(GoToStart.Request())
    station.wait(answer.done, 'way to the start', LIMIT_S)
    assert answer.result().success, answer.result().message
    raised = np.array(states[-1].position)
    station.interrupt()
    assert station.wait_until_ended(LIMIT_S) == 130
    assert station.has_printed('parked: at the rest pose')
    at = np.array(states[-1].position)
    assert np.max(np.abs(raised[1:3] - REST_JOINTS[1:3])) > 1.0
    np.testing.assert_allclose(at[[1, 2, 4]], REST_JOINTS[[1, 2, 4]], atol=0.15)
