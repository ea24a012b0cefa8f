# SPDX-License-Identifier: Apache-2.0
"""Reads a ROS 2 YAML launch file into the processes it asks for.

The same files run under `ros2 launch`. Only the actions that PARL's files use are known here.
Everything else is an error that names the file, the action and the key.
"""

from collections.abc import Callable, Mapping
import os
from pathlib import Path
import shlex

import yaml

from parl_files.config_file import ConfigError
from parl_files.yaml_file import load_yaml
from parl_launch.launch_entry import LaunchEntry, LaunchError, read_entries
from parl_launch.launch_scope import LaunchScope, truth
from parl_launch.node_command import (
    join_namespaces,
    parameter_value,
    ParameterValue,
    ros_arguments,
)
from parl_launch.process_specification import (
    ProcessSpecification,
    SIGKILL_TIMEOUT_S,
    SIGTERM_TIMEOUT_S,
)

PROCESS_KEYS = (
    'name',
    'output',
    'env',
    'respawn',
    'respawn_delay',
    'on_exit',
    'sigterm_timeout',
    'sigkill_timeout',
    'if',
    'unless',
)
KEYS = {
    'arg': ('name', 'default', 'description'),
    'executable': ('cmd', *PROCESS_KEYS),
    'group': ('children', 'if', 'unless'),
    'include': ('file', 'arg', 'if', 'unless'),
    'let': ('name', 'value', 'if', 'unless'),
    'node': ('pkg', 'exec', 'namespace', 'param', 'remap', 'args', *PROCESS_KEYS),
    'push-ros-namespace': ('namespace', 'if', 'unless'),
    'push_ros_namespace': ('namespace', 'if', 'unless'),
    'set_env': ('name', 'value', 'if', 'unless'),
}


def read_launch_file(
    path: Path,
    arguments: Mapping[str, str],
    find_prefix: Callable[[str], Path],
    environment: Mapping[str, str],
) -> tuple[ProcessSpecification, ...]:
    """Read a launch file and resolve everything in it.

    Args:
        path: The `*.launch.yaml` file.
        arguments: Values for its `arg` entries.
        find_prefix: Returns the install prefix of a package; raises LookupError if there is none.
        environment: Environment variables that `$(env ...)` sees.

    Returns:
        The processes, in the order of the file.

    Raises:
        LaunchError: Something in the file, or in an included one, cannot be used.
    """
    scope = LaunchScope(
        variables=dict(arguments), outer_environment=environment, find_prefix=find_prefix
    )
    reader = _LaunchFileReader(find_prefix)
    reader.read(path, scope)
    if unknown := sorted(set(arguments) - reader.declared):
        known = ', '.join(sorted(reader.declared)) or 'none'
        raise LaunchError(f'{path}: no argument named {", ".join(unknown)}; it takes: {known}')
    return tuple(reader.processes)


class _LaunchFileReader:
    def __init__(self, find_prefix: Callable[[str], Path]) -> None:
        self.processes: list[ProcessSpecification] = []
        self.declared: set[str] = set()
        self._find_prefix = find_prefix
        self._open_files: tuple[Path, ...] = ()
        self._actions: dict[str, Callable[[LaunchEntry, LaunchScope], None]] = {
            'arg': self._declare_argument,
            'executable': self._add_executable,
            'group': self._enter_group,
            'include': self._include,
            'let': self._set_variable,
            'node': self._add_node,
            'push-ros-namespace': self._push_namespace,
            'push_ros_namespace': self._push_namespace,
            'set_env': self._set_environment,
        }

    def read(self, path: Path, scope: LaunchScope) -> None:
        path = path.resolve()
        if path in self._open_files:
            raise LaunchError(f'{path}: includes itself')
        try:
            tree = load_yaml(path)
        except ConfigError as error:
            raise LaunchError(str(error)) from error
        if list(tree) != ['launch']:
            raise LaunchError(f"{path}: needs exactly one top-level key, 'launch'")
        self._open_files += (path,)
        self._perform(read_entries(path, tree['launch']), scope)
        self._open_files = self._open_files[:-1]

    def _perform(self, entries: list[LaunchEntry], scope: LaunchScope) -> None:
        for entry in entries:
            if entry.action not in self._actions:
                raise entry.error(f'action not supported; known: {", ".join(self._actions)}')
            entry.check_keys(KEYS[entry.action])
            if scope.applies(entry):
                self._actions[entry.action](entry, scope)

    def _declare_argument(self, entry: LaunchEntry, scope: LaunchScope) -> None:
        name = scope.required(entry, 'name')
        self.declared.add(name)
        if name in scope.variables:
            return
        default = scope.optional(entry, 'default')
        if default is None:
            raise entry.error(f'argument {name} has no default and was not given: {name}:=<value>')
        scope.variables[name] = default

    def _set_variable(self, entry: LaunchEntry, scope: LaunchScope) -> None:
        scope.variables[scope.required(entry, 'name')] = scope.required(entry, 'value')

    def _set_environment(self, entry: LaunchEntry, scope: LaunchScope) -> None:
        scope.environment[scope.required(entry, 'name')] = scope.required(entry, 'value')

    def _push_namespace(self, entry: LaunchEntry, scope: LaunchScope) -> None:
        scope.namespace = join_namespaces(scope.namespace, scope.required(entry, 'namespace'))

    def _enter_group(self, entry: LaunchEntry, scope: LaunchScope) -> None:
        children = entry.body if isinstance(entry.body, list) else entry.required('children')
        self._perform(read_entries(entry.file, children), scope.inner())

    def _include(self, entry: LaunchEntry, scope: LaunchScope) -> None:
        path = Path(scope.required(entry, 'file'))
        scope.variables.update(scope.pairs(entry, 'arg', 'name', 'value'))
        self.read(path, scope)

    def _add_executable(self, entry: LaunchEntry, scope: LaunchScope) -> None:
        command = shlex.split(scope.required(entry, 'cmd'))
        self._add_process(entry, scope, tuple(command), Path(command[0]).name)

    def _add_node(self, entry: LaunchEntry, scope: LaunchScope) -> None:
        package = scope.required(entry, 'pkg')
        executable = scope.required(entry, 'exec')
        files, parameters = self._parameters(entry, scope)
        arguments = ros_arguments(
            name=scope.optional(entry, 'name'),
            namespace=join_namespaces(scope.namespace, scope.optional(entry, 'namespace') or ''),
            parameter_files=files,
            parameters=parameters,
            remappings=scope.pairs(entry, 'remap', 'from', 'to'),
        )
        own = shlex.split(scope.optional(entry, 'args') or '')
        program = self._program(entry, package, executable)
        self._add_process(entry, scope, (program, *own, *arguments), executable)

    def _program(self, entry: LaunchEntry, package: str, executable: str) -> str:
        try:
            program = self._find_prefix(package) / 'lib' / package / executable
        except LookupError as error:
            raise entry.error(
                f"key 'pkg': package {package} is not installed; build the workspace"
            ) from error
        if not os.access(program, os.X_OK):
            raise entry.error(f"key 'exec': package {package} has no executable {executable}")
        return str(program)

    def _parameters(
        self, entry: LaunchEntry, scope: LaunchScope
    ) -> tuple[list[str], list[tuple[str, ParameterValue]]]:
        files, parameters = [], []
        for item in entry.items('param', ('from', 'name', 'value', 'type')):
            if (file := scope.optional(item, 'from')) is not None:
                files.append(file)
                continue
            name = scope.required(item, 'name')
            try:
                value = parameter_value(
                    scope.required(item, 'value'), scope.optional(item, 'type')
                )
            except (ValueError, yaml.YAMLError) as error:
                raise item.error(f'parameter {name}: {error}') from error
            parameters.append((name, value))
        return files, parameters

    def _add_process(
        self, entry: LaunchEntry, scope: LaunchScope, command: tuple[str, ...], program: str
    ) -> None:
        on_exit = scope.optional(entry, 'on_exit')
        if on_exit not in (None, 'shutdown'):
            raise entry.error(f"key 'on_exit': only 'shutdown' is supported, not {on_exit!r}")
        output = scope.optional(entry, 'output')
        if output not in (None, 'screen'):
            raise entry.error(f"key 'output': only 'screen' is supported, not {output!r}")
        respawn = scope.optional(entry, 'respawn') or 'false'
        delay = scope.optional(entry, 'respawn_delay') or 0.0
        terminate_after = scope.optional(entry, 'sigterm_timeout') or SIGTERM_TIMEOUT_S
        kill_after = scope.optional(entry, 'sigkill_timeout') or SIGKILL_TIMEOUT_S
        try:
            specification = ProcessSpecification(
                name=scope.optional(entry, 'name') or program,
                command=command,
                environment={
                    **scope.environment,
                    **dict(scope.pairs(entry, 'env', 'name', 'value')),
                },
                respawn=truth(entry, 'respawn', respawn),
                respawn_delay_s=float(delay),
                shutdown_on_exit=on_exit == 'shutdown',
                sigterm_timeout_s=float(terminate_after),
                sigkill_timeout_s=float(kill_after),
            )
        except ValueError as error:
            raise entry.error(str(error)) from error
        self.processes.append(specification)
