# SPDX-License-Identifier: Apache-2.0
"""What rviz and rqt are told to show exists on the live graph, under that name and type."""

import ast
import importlib
import json
from pathlib import Path
import time

import numpy as np
import pytest
import yaml

pytest.importorskip('rclpy', reason='no ROS 2 in this Python')

import rclpy
from rclpy.parameter import Parameter

from parl_learner.ros.learner_node import LearnerNode
from parl_policy.ros.policy_node import PolicyNode
from reward_detector.ros.reward_detector_node import RewardDetectorNode
from widowx_bringup.ros.station_display_node import StationDisplayNode
from widowx_bringup.station_urdf import TABLE_CENTRE, TABLE_SIZE
from widowx_driver.ros.driver_node import DriverNode
from widowx_sim.ros.sim_node import SimNode

CONFIG = Path(__file__).parents[1] / 'ros2_ws/src/widowx_bringup/config'
TASK = CONFIG / 'tasks/cup_to_rack.yaml'
TYPES = {
    'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
    'rviz_default_plugins/MarkerArray': 'visualization_msgs/msg/MarkerArray',
    'rviz_default_plugins/RobotModel': 'std_msgs/msg/String',
}
FROM_OUTSIDE = {'robot_description'}  # robot_state_publisher, started by rviz.launch.yaml


@pytest.fixture
def graph(ros_domain_id, tmp_path):
    """Topics and types of the whole station, by absolute name."""
    rclpy.init(domain_id=ros_domain_id, args=['--ros-args', '-r', '__ns:=/wx250s'])
    values = {
        'task_file': str(TASK),
        'experiment_file': str(CONFIG / 'experiments/cup_to_rack.yaml'),
        'data_folder': str(tmp_path),
    }
    nodes = []
    try:
        for kind, names in (
            (SimNode, ('task_file',)),
            (RewardDetectorNode, ('task_file',)),
            (DriverNode, ('task_file',)),
            (PolicyNode, ('task_file', 'data_folder')),
            (LearnerNode, ('experiment_file', 'data_folder')),
            (StationDisplayNode, ('task_file',)),
        ):
            overrides = [Parameter(name, value=values[name]) for name in names]
            nodes.append(kind(parameter_overrides=overrides))
        witness = rclpy.create_node('witness')
        nodes.append(witness)
        end = time.monotonic() + 100.0
        while True:
            topics = dict(witness.get_topic_names_and_types())
            if '/wx250s/learner_status' in topics or time.monotonic() > end:
                break
            time.sleep(0.1)
        yield topics
    finally:
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()


def rviz_topics():
    """(class, topic) of each display that has one."""
    text = (CONFIG / 'station.rviz').read_text(encoding='utf-8')
    for display in yaml.safe_load(text)['Visualization Manager']['Displays']:
        for key in {'Topic', 'Description Topic'} & set(display):
            if (topic := display[key]['Value']) not in FROM_OUTSIDE:
                yield display['Class'], topic


def perspective():
    return json.loads((CONFIG / 'station.perspective').read_text(encoding='utf-8'))


def plotted_fields():
    plugins = perspective()['groups']['pluginmanager']['groups']
    for name, plugin in plugins.items():
        assert name.startswith('plugin__rqt_plot__Plot__')
        yield from ast.literal_eval(plugin['groups']['plugin']['keys']['topics']['repr'])


def test_displays_and_plots_are_fed(graph):
    for kind, topic in rviz_topics():
        assert graph.get(f'/wx250s/{topic}') == [TYPES[kind]], topic
    fields = list(plotted_fields())
    assert len(fields) == 4
    for path in fields:
        topic, _, field = path.rpartition('/')
        (kind,) = graph[topic]
        package, _, name = kind.split('/')
        message = getattr(importlib.import_module(f'{package}.msg'), name)
        assert message.get_fields_and_field_types()[field] == 'float', path
    # The robot monitor of the perspective listens there.
    assert graph['/diagnostics'] == ['diagnostic_msgs/msg/DiagnosticArray']


def test_described_table_is_the_simulated_one():
    pytest.importorskip('mujoco', reason='no MuJoCo in this Python')
    from widowx_sim.scene.scene import build_model
    from widowx_sim.scene.task_scene import load_task_scene

    table = build_model(load_task_scene(TASK)).geom('table')
    np.testing.assert_allclose(2.0 * table.size, TABLE_SIZE)
    np.testing.assert_allclose(table.pos, TABLE_CENTRE)


def test_perspective_names_the_plugins_it_configures():
    manager = perspective()['groups']['pluginmanager']
    running = ast.literal_eval(manager['keys']['running-plugins']['repr'])
    configured = {name.split('__')[1] for name in manager['groups']}
    assert configured == {'rqt_plot'}
    assert set(running) == {
        'rqt_console/Console',
        'rqt_plot/Plot',
        'rqt_robot_monitor/RobotMonitor',
        'rqt_topic/TopicPlugin',
    }
    numbers = [int(name.rsplit('__', 1)[1]) for name in manager['groups']]
    assert sorted(numbers) == running['rqt_plot/Plot']
