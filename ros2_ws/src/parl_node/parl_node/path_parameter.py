# SPDX-License-Identifier: Apache-2.0
"""Reads a node's parameter that names a file or a folder."""

from pathlib import Path

from rclpy.node import Node

from parl_files.config_file import ConfigError


def path_parameter(node: Node, name: str) -> Path:
    """Declare the parameter and return its value.

    Raises:
        ConfigError: The value is empty.
    """
    path = str(node.declare_parameter(name, '').value)
    if not path:
        raise ConfigError(f'parameter {name} is empty; give an absolute path')
    return Path(path)
