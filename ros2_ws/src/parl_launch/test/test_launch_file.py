# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from parl_launch.launch_entry import LaunchError
from parl_launch.launch_file import read_launch_file


@pytest.fixture
def prefix(tmp_path):
    """An install prefix with one package that has one executable."""
    folder = tmp_path / 'prefix'
    program = folder / 'lib/station/arm_node'
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\n', encoding='utf-8')
    program.chmod(0o755)
    return folder


@pytest.fixture
def read(tmp_path, prefix):
    def find_prefix(package: str) -> Path:
        if package != 'station':
            raise LookupError(package)
        return prefix

    def read_text(text, **arguments):
        path = tmp_path / 'test.launch.yaml'
        path.write_text(text, encoding='utf-8')
        return read_launch_file(path, arguments, find_prefix, {'HOST': 'here'})

    return read_text


def test_node_becomes_command(read, prefix):
    (process,) = read("""
launch:
  - arg: {name: task, default: cup}
  - push_ros_namespace: {namespace: wx250s}
  - node:
      pkg: station
      exec: arm_node
      name: arm
      namespace: left
      args: --fast 'two words'
      param:
        - from: $(find-pkg-share station)/config/arm.yaml
        - {name: task, value: $(var task)}
        - {name: rate_hz, value: 5.0}
        - {name: use_sim_time, value: true}
        - {name: label, value: '12', type: str}
      remap:
        - {from: states, to: joint_states}
      env:
        - {name: MODE, value: $(env HOST)}
      respawn: 'true'
      respawn_delay: 2.0
      sigterm_timeout: 40.0
      sigkill_timeout: 20.0
      output: screen
""")
    assert process.command == (
        str(prefix / 'lib/station/arm_node'),
        '--fast',
        'two words',
        '--ros-args',
        '-r',
        '__node:=arm',
        '-r',
        '__ns:=/wx250s/left',
        '--params-file',
        str(prefix / 'share/station/config/arm.yaml'),
        '-p',
        'task:="cup"',
        '-p',
        'rate_hz:=5.0',
        '-p',
        'use_sim_time:=true',
        '-p',
        'label:="12"',
        '-r',
        'states:=joint_states',
    )
    assert process.name == 'arm'
    assert process.environment == {'MODE': 'here'}
    assert process.respawn
    assert process.respawn_delay_s == 2.0
    assert process.sigterm_timeout_s == 40.0
    assert process.sigkill_timeout_s == 20.0
    assert not process.shutdown_on_exit


def test_given_argument_wins_over_default(read):
    text = """
launch:
  - arg: {name: word, default: one}
  - executable: {cmd: echo $(var word)}
"""
    assert read(text)[0].command == ('echo', 'one')
    assert read(text, word='two')[0].command == ('echo', 'two')


def test_group_keeps_its_names_to_itself(read):
    processes = read("""
launch:
  - let: {name: word, value: outer}
  - group:
    - let: {name: word, value: inner}
    - set_env: {name: WHERE, value: inner}
    - push-ros-namespace: {namespace: inner}
    - executable: {cmd: echo $(var word)}
  - executable: {cmd: echo $(var word)}
  - node: {pkg: station, exec: arm_node}
""")
    assert [process.command[1] for process in processes[:2]] == ['inner', 'outer']
    assert [dict(process.environment) for process in processes[:2]] == [{'WHERE': 'inner'}, {}]
    assert processes[2].command[1:] == ('--ros-args',)


def test_conditions(read):
    processes = read(
        """
launch:
  - arg: {name: show, default: 'false'}
  - executable: {cmd: a, if: $(var show)}
  - executable: {cmd: b, unless: $(var show)}
  - group:
      if: $(var show)
      children:
        - executable: {cmd: c}
""",
        show='true',
    )
    assert [process.name for process in processes] == ['a', 'c']


def test_include_passes_arguments(read, tmp_path):
    (tmp_path / 'inner.launch.yaml').write_text(
        """
launch:
  - arg: {name: word}
  - executable: {cmd: echo $(var word), on_exit: shutdown}
""",
        encoding='utf-8',
    )
    (process,) = read("""
launch:
  - include:
      file: $(dirname)/inner.launch.yaml
      arg:
        - {name: word, value: hello}
""")
    assert process.command == ('echo', 'hello')
    assert process.shutdown_on_exit


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('launch: [', 'line 1: expected the node content'),
        (
            'launch:\n- group: []\n- arg: {name: a, default: b, name: c}',
            "line 3: key 'name' stands twice",
        ),
        ('nodes: []', "exactly one top-level key, 'launch'"),
        ('launch: {node: {}}', 'list of actions'),
        ('launch: [{timer: {period: 1}}]', r'timer: action not supported'),
        ('launch: [{node: {exec: arm_node}}]', r"node 'arm_node': key 'pkg' is missing"),
        (
            'launch: [{node: {pkg: station, exec: arm_node, param: [{nme: x}]}}]',
            r"node 'arm_node', param 0: key 'nme' is not supported",
        ),
        (
            'launch: [{node: {pkg: station, exec: arm_node, parameters: []}}]',
            r"key 'parameters' is not supported",
        ),
        ('launch: [{node: {pkg: absent, exec: arm_node}}]', r'absent is not installed'),
        ('launch: [{node: {pkg: station, exec: leg_node}}]', r'no executable leg_node'),
        ('launch: [{executable: {cmd: a, on_exit: restart}}]', r"key 'on_exit'.*'restart'"),
        ('launch: [{executable: {cmd: a, output: log}}]', r"key 'output'.*'log'"),
        ('launch: [{executable: {cmd: a, respawn: maybe}}]', r"key 'respawn'.*'maybe'"),
        ('launch: [{executable: {cmd: a, respawn_delay: soon}}]', r'soon'),
        ('launch: [{executable: {cmd: a, respawn_delay: -1.0}}]', r'respawn_delay -1.0 is neg'),
        (
            'launch: [{executable: {cmd: a, sigterm_timeout: -1.0}}]',
            r'sigterm_timeout -1.0 is neg',
        ),
        ('launch: [{executable: {cmd: a, if: $(var show)}}]', r"'if'.*\$\(var show\)"),
        ('launch: [{arg: {name: word}}]', r'word:=<value>'),
        ('launch: [{include: {file: $(dirname)/test.launch.yaml}}]', r'includes itself'),
        ('launch: [{include: {file: /absent.yaml}}]', r'/absent.yaml: cannot be read'),
        ('launch: [{executable: {cmd: [a, b], env: x}}]', r"key 'env' needs a list"),
        (
            'launch: [{node: {pkg: station, exec: arm_node, param: [{name: a, value: "b: c"}]}}]',
            r"param 0: parameter a: 'b: c'",
        ),
    ],
)
def test_names_file_action_and_key(read, text, message):
    with pytest.raises(LaunchError, match=message) as caught:
        read(text)
    assert '.yaml: ' in str(caught.value)


def test_names_unknown_argument(read):
    with pytest.raises(LaunchError, match=r'no argument named wrd; it takes: word'):
        read('launch: [{arg: {name: word, default: x}}]', wrd='y')
