# SPDX-License-Identifier: Apache-2.0
"""Converts what a launch file says about a ROS node to command-line arguments of that node."""

from collections.abc import Sequence
import json

import yaml

ParameterValue = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]

TYPES = {'bool': bool, 'float': float, 'int': int, 'str': str}


def join_namespaces(outer: str, inner: str) -> str:
    """Append a relative namespace to `outer`, or replace `outer` by an absolute one."""
    if inner.startswith('/'):
        joined = inner
    elif not inner:
        joined = outer
    else:
        joined = f'{outer}/{inner}'
    return '/' + joined.strip('/') if joined.strip('/') else ''


def parameter_value(text: str, type_name: str | None = None) -> ParameterValue:
    """Read a parameter as ROS launch does: by the rules of YAML, unless a type is given.

    Raises:
        ValueError: ROS parameters cannot hold the value, or it is not of the given type.
    """
    if type_name is not None and type_name not in TYPES:
        raise ValueError(f'type {type_name!r} is not one of {", ".join(TYPES)}')
    if type_name == 'str':
        return text
    value = yaml.safe_load(text) if text else ''
    if type_name == 'float' and type(value) is int:
        value = float(value)
    if type_name is not None and type(value) is not TYPES[type_name]:
        raise ValueError(f'{text!r} is not of type {type_name}')
    items = value if isinstance(value, list) else [value]
    if not items or {type(item) for item in items} - {type(items[0])}:
        raise ValueError(f'{text!r} is not a list of values of one type')
    if not isinstance(items[0], bool | int | float | str):
        raise ValueError(f'{text!r} is not a bool, number, text or list of these')
    return value


def ros_arguments(
    *,
    name: str | None,
    namespace: str,
    parameter_files: Sequence[str],
    parameters: Sequence[tuple[str, ParameterValue]],
    remappings: Sequence[tuple[str, str]],
) -> tuple[str, ...]:
    """Return the `--ros-args ...` part of a node's command; `parameters` override the files."""
    arguments: list[str] = ['--ros-args']
    if name is not None:
        arguments += ['-r', f'__node:={name}']
    if namespace:
        arguments += ['-r', f'__ns:={namespace}']
    for file in parameter_files:
        arguments += ['--params-file', file]
    for parameter, value in parameters:
        # In JSON every text is quoted, so rcl reads back exactly the type given here.
        arguments += ['-p', f'{parameter}:={json.dumps(value, ensure_ascii=False)}']
    for source, target in remappings:
        arguments += ['-r', f'{source}:={target}']
    return tuple(arguments)
