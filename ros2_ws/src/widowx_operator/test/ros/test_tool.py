# SPDX-License-Identifier: Apache-2.0
"""How the tools' processes end: main() at a terminal."""

import sys
import threading
import time

import pytest

from widowx_operator.ros import operator_panel_node, teach_workspace_node

LIMIT_S = 100.0  # only a hang lasts so long


@pytest.fixture
def start(ros_domain_id, desk, monkeypatch, capsys):
    """A function that runs main() of a tool's module with those parameters."""
    with open(desk.descriptor, closefd=False) as terminal:
        monkeypatch.setattr(sys, 'stdin', terminal)

        def run(tool, *parameters):
            arguments = [word for each in parameters for word in ('-p', each)]
            monkeypatch.setattr(sys, 'argv', ['tool', '--ros-args', *arguments])
            tool.main()

        yield run


@pytest.mark.parametrize(
    ('tool', 'parameter', 'said'),
    [
        (operator_panel_node, 'demonstration_steps:=many', "operator: Trying to set parameter '"),
        (
            operator_panel_node,
            'demonstration_steps:=0',
            'operator: demonstration_steps is 0',
        ),
        (
            operator_panel_node,
            'answers_reset:=1',
            "operator: Trying to set parameter '",
        ),
        (operator_panel_node, "task_file:=''", 'operator: parameter task_file is empty; give'),
        (operator_panel_node, 'task_file', 'operator: failed to initialize rcl: '),
        (teach_workspace_node, "section_file:=''", 'teach_workspace: parameter section_file is '),
        (teach_workspace_node, 'section_file:=5', 'teach_workspace: Trying to set parameter '),
    ],
)
def test_a_parameter_that_cannot_be_used_is_one_line(
    start, task_file, capsys, tool, parameter, said
):
    others = [] if parameter.startswith('task_file') else [f'task_file:={task_file}']
    with pytest.raises(SystemExit) as end:
        start(tool, *others, parameter)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)


def test_q_ends_a_tool_quietly(start, desk, task_file, capsys):
    def press():
        end = time.monotonic() + LIMIT_S
        while 'q quit' not in desk.read() and time.monotonic() < end:
            time.sleep(0.01)
        desk.press('q')

    operator = threading.Thread(target=press)
    operator.start()
    start(operator_panel_node, f'task_file:={task_file}')
    operator.join()
    assert capsys.readouterr().err == ''
