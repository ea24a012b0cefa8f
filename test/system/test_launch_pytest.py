# SPDX-License-Identifier: Apache-2.0
"""The production launch files under ROS 2's own launch, in simulation."""

from pathlib import Path
import time

import pytest

pytest.importorskip(
    'launch_pytest', reason='launch_pytest comes with a ROS 2 installation, not with its wheels'
)

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource
import launch_pytest
from launch_pytest.actions import ReadyToTest
import numpy as np
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from parl_msgs.srv import GoToStart
from widowx_description.arm import REST_JOINTS

LAUNCH = Path(__file__).parents[2] / 'ros2_ws/src/widowx_bringup/launch'
LIMIT_S = 300.0
NODES = {'sim', 'reward_detector', 'driver', 'policy'}
ARGUMENTS = {
    'sim.launch.yaml': {'data_folder': 'data'},
    'demo.launch.yaml': {'report_folder': 'report'},
}


@pytest.fixture(params=sorted(ARGUMENTS))
def name(request):
    return request.param


@launch_pytest.fixture
def station(ros_domain_id, name, tmp_path):
    arguments = [(key, str(tmp_path / folder)) for key, folder in ARGUMENTS[name].items()]
    source = AnyLaunchDescriptionSource(str(LAUNCH / name))
    include = IncludeLaunchDescription(source, launch_arguments=arguments)
    return LaunchDescription([include, ReadyToTest()])


def wait(is_done, say):
    end = time.monotonic() + LIMIT_S
    while not is_done():
        assert time.monotonic() < end, f'{say()} in {LIMIT_S:.0f} s'
        time.sleep(0.05)


@pytest.mark.timeout(1200)
@pytest.mark.launch(fixture=station)
def test_the_nodes_come_up(witness):
    names = witness.node.get_node_names
    wait(lambda: set(names()) >= NODES, lambda: f'only {names()}')


@pytest.mark.timeout(1200)
@pytest.mark.parametrize('name', ['sim.launch.yaml'])
@pytest.mark.launch(fixture=station)
def test_the_arm_is_parked_at_the_end(witness):
    states = []
    witness.node.create_subscription(
        JointState, 'joint_states', states.append, qos_profile_sensor_data
    )
    client = witness.node.create_client(GoToStart, 'go_to_start')
    wait(lambda: states and client.service_is_ready(), lambda: 'no driver')
    answer = client.call_async(GoToStart.Request())
    wait(answer.done, lambda: 'not at the start')
    assert answer.result().success, answer.result().message
    raised = np.array(states[-1].position)
    assert np.max(np.abs(raised[1:3] - REST_JOINTS[1:3])) > 1.0
    yield  # launch ends everything meanwhile
    at = np.array(states[-1].position)
    np.testing.assert_allclose(at[[1, 2, 4]], REST_JOINTS[[1, 2, 4]], atol=0.15)
