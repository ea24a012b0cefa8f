# SPDX-License-Identifier: Apache-2.0
"""Reads a configuration from the parameters of a node."""

import dataclasses
from typing import TYPE_CHECKING, TypeVar

from rclpy.node import Node

from parl_files.config_file import from_mapping

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar('Config', bound='DataclassInstance')


def config_parameters(node: Node, config_class: type[Config]) -> Config:
    """Declare a parameter for every field of a dataclass and return the dataclass they fill.

    Args:
        node: The node that gets the parameters.
        config_class: A dataclass whose fields all have defaults.

    Raises:
        ConfigError: A value is refused; the message names node, parameter, value and remedy.
    """
    values = {
        field.name: node.declare_parameter(field.name, field.default).value
        for field in dataclasses.fields(config_class)
    }
    return from_mapping(config_class, values, f'parameters of {node.get_name()}')
