# SPDX-License-Identifier: Apache-2.0
"""The display configuration shows only topics that some node publishes."""

import ast
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[4]
CONFIGURATION = ROOT / 'ros2_ws/src/widowx_bringup/config/station.rviz'
FROM_OUTSIDE = {'robot_description'}  # robot_state_publisher, started by rviz.launch.yaml


def displays():
    text = CONFIGURATION.read_text(encoding='utf-8')
    return yaml.safe_load(text)['Visualization Manager']['Displays']


def shown_topics():
    return {
        value['Value']
        for display in displays()
        for key, value in display.items()
        if key in ('Topic', 'Description Topic')
    }


def published_topics():
    """Second argument of every `create_publisher(Type, 'topic', ...)` of the tree."""
    topics = set()
    for folder in ('ros2_ws/src', 'sim'):
        for path in (ROOT / folder).glob('*/*/ros/*.py'):
            for call in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr == 'create_publisher'
                    and isinstance(call.args[1], ast.Constant)
                ):
                    topics.add(call.args[1].value)
    return topics


def test_shows_arm_camera_walls_objects_candidates_and_target():
    assert shown_topics() == {
        'robot_description',
        'station_description',
        'camera/color/image_raw',
        'object_markers',
        'candidates',
        'workspace_markers',
        'target_markers',
    }


def test_every_shown_topic_is_published():
    assert shown_topics() - FROM_OUTSIDE <= published_topics()


def test_every_display_has_class_and_name():
    for display in displays():
        assert display['Class'].startswith('rviz_default_plugins/'), display
        assert display['Name']
