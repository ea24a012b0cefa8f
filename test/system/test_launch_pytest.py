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
import rclpy

LAUNCH = Path(__file__).parents[2] / 'ros2_ws/src/widowx_bringup/launch'
LIMIT_S = 60.0
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


@pytest.mark.timeout(150)
@pytest.mark.launch(fixture=station)
def test_the_nodes_come_up(ros_domain):
    node = rclpy.create_node('witness')
    end = time.monotonic() + LIMIT_S
    while not set(node.get_node_names()) >= NODES:
        assert time.monotonic() < end, f'only {node.get_node_names()} in {LIMIT_S:.0f} s'
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_node()
