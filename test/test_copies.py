# SPDX-License-Identifier: Apache-2.0
"""What packages that do not import each other have a copy of is the same everywhere."""

import ast
from pathlib import Path

import pytest
from sensor_msgs.msg import JointState

from parl_policy.message_conversion import to_opening
from reward_detector import gripper_opening
from widowx_driver import arm_model
from widowx_sim import wx250s

ROOT = Path(__file__).parents[1]
RUN_NODES = sorted(
    path
    for folder in ('ros2_ws/src', 'sim')
    for path in (ROOT / folder).glob('*/*/run_node.py')
    if path.parent.name == path.parents[1].name
)


def parts(path: Path) -> dict[str, str]:
    """Source of each constant and function of a file, by name."""
    found = {}
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = ast.unparse(node)
        elif isinstance(node, ast.Assign):
            found[ast.unparse(node.targets[0])] = ast.unparse(node)
    return found


def test_every_package_with_nodes_of_its_own_has_a_copy():
    assert {path.parent.name for path in RUN_NODES} == {
        'parl_policy',
        'reward_detector',
        'widowx_bringup',
        'widowx_driver',
        'widowx_operator',
        'widowx_sim',
    }


@pytest.mark.parametrize('path', RUN_NODES, ids=lambda path: path.parent.name)
def test_processes_begin_and_end_alike(path):
    (original,) = (parts(each) for each in RUN_NODES if each.parent.name == 'parl_policy')
    copy = parts(path)
    assert 'explained' in copy
    assert copy == {name: original.get(name) for name in copy}


def test_the_finger_travels_alike():
    travel = (arm_model.FINGER_CLOSED_M, arm_model.FINGER_OPEN_M)
    assert travel == (wx250s.FINGER_CLOSED_M, wx250s.FINGER_OPEN_M)
    for seen in (gripper_opening.gripper_opening, opening):
        assert [seen(finger_m) for finger_m in travel] == [0.0, 1.0]
        # And neither is clipped: half way is half open.
        assert seen(sum(travel) / 2) == pytest.approx(0.5)


def opening(finger_m: float) -> float:
    """What the policy sees of a finger position."""
    message = JointState(name=['left_finger'], position=[finger_m])
    return to_opening(message)
