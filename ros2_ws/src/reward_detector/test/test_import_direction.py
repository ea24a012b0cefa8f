# SPDX-License-Identifier: Apache-2.0
"""Pure modules know no ROS."""

import ast
from pathlib import Path

import reward_detector

FOLDER = Path(reward_detector.__file__).parent
ROS = {'rclpy', 'builtin_interfaces', 'launch', 'launch_ros', 'cv_bridge'}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or '')
    return names


def is_ros(name: str) -> bool:
    root = name.split('.')[0]
    inside = name.split('.')[-1]
    return (
        root in ROS
        or root.endswith('_msgs')
        or inside.endswith('_node')
        or inside == 'message_conversion'
    )


def test_pure_modules_import_no_ros():
    pure = [
        path
        for path in FOLDER.glob('*.py')
        if not path.name.endswith('_node.py') and path.name != 'message_conversion.py'
    ]
    assert len(pure) > 10
    found = {path.name: set(filter(is_ros, imported(path))) for path in pure}
    assert {name: names for name, names in found.items() if names} == {}
