# SPDX-License-Identifier: Apache-2.0
"""Only nodes and message_conversion may know ROS."""

import ast
from pathlib import Path

import pytest

import widowx_driver

PACKAGE = Path(widowx_driver.__file__).parent
PURE = sorted(
    path
    for path in PACKAGE.glob('*.py')
    if not path.name.endswith('_node.py') and path.name != 'message_conversion.py'
)


def imported_names(path):
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ''


def test_there_are_pure_modules():
    assert len(PURE) > 10


@pytest.mark.parametrize('path', PURE, ids=lambda path: path.stem)
def test_pure_modules_import_no_ros(path):
    for name in imported_names(path):
        root = name.split('.')[0]
        assert root not in ('rclpy', 'builtin_interfaces', 'std_srvs')
        assert not root.endswith('_msgs')
        assert not name.endswith(('_node', 'message_conversion'))
