# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mini_vla.operator import operate
from widowx_sim.scene.task_scene import Script

SCRIPT = Script(hover_height=0.12, grasp_height=0.03, release_height=0.04, grasp_offset=(0.0, 0.0))
THING, GOAL = np.array([0.25, -0.10, 0.015]), np.array([0.28, 0.13, 0.01])
ON_GOAL = np.array([0.28, 0.13, 0.02])


@pytest.mark.parametrize(
    ('target', 'opening', 'thing', 'move', 'gripper'),
    [
        pytest.param((0.30, -0.10, 0.10), 1.0, THING, (-1.0, 0.0, 0.4), 1, id='far: across'),
        pytest.param((0.30, -0.10, 0.03), 1.0, THING, (0.0, 0.0, 1.0), 1, id='far, low: up'),
        pytest.param((0.27, -0.10, 0.05), 1.0, THING, (-0.4, 0.0, 0.0), 1, id='near: across'),
        pytest.param((0.25, -0.09, 0.06), 1.0, THING, (0.0, -0.2, -0.6), 1, id='above: down'),
        pytest.param((0.25, -0.10, 0.03), 1.0, THING, (0.0, 0.0, 0.0), -1, id='there: close'),
        pytest.param((0.25, -0.10, 0.07), 0.2, THING, (0.0, 0.0, 1.0), 1, id='nothing held: open'),
        pytest.param((0.25, -0.10, 0.03), 0.6, THING, (0.0, 0.0, 1.0), -1, id='held: up'),
        pytest.param((0.28, 0.13, 0.07), 0.6, None, (0.0, 0.0, -0.6), -1, id='held, above: down'),
        pytest.param((0.28, 0.13, 0.04), 0.6, None, (0.0, 0.0, 0.0), 1, id='held, there: open'),
        pytest.param((0.28, 0.13, 0.04), 1.0, ON_GOAL, (0.0, 0.0, 1.0), 1, id='done: up'),
    ],
)
def test_what_is_done_where(target, opening, thing, move, gripper):
    """With None the thing is between the fingers."""
    target = np.array(target)
    thing = target - [0.0, 0.0, 0.01] if thing is None else thing
    action = operate(SCRIPT, target, opening, target, thing, GOAL)
    assert action == pytest.approx([*move, 0.0, 0.0, 0.0, gripper], abs=1e-9)
