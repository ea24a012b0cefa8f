# SPDX-License-Identifier: Apache-2.0
"""Where a scene's objects are put at a reset, and whether the task is truly done."""

import math

import mujoco
import numpy as np

from widowx_sim.floats import FloatArray
from widowx_sim.task_scene import TaskScene

_FIRST_OBJECT = 8  # joint positions before the objects': six of the arm, two fingers
_FREE_JOINT = 7
_STILL_M_S = 0.02
_SINKS_IN_M = 0.003


def place_objects(task: TaskScene, data: mujoco.MjData, random: np.random.Generator) -> None:
    """Draw x, y and yaw of each movable object, in order; each stands on what is below."""
    for index, thing in enumerate(task.movables.values()):
        x, y, yaw = (random.uniform(*bounds) for bounds in (thing.x, thing.y, thing.yaw))
        below = [s.height for s in task.surfaces.values() if s.carries(x, y, 0.0)]
        height = max(below, default=0.0) + thing.origin_height
        start = _FIRST_OBJECT + _FREE_JOINT * index
        data.qpos[start : start + _FREE_JOINT] = (
            *(x, y, height),
            *(math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)),
        )


def underside(task: TaskScene, data: mujoco.MjData, name: str) -> tuple[FloatArray, float]:
    """Return the truth about an object.

    Returns:
        (3,) position of the middle of its underside [m, base_link], and yaw [rad].
    """
    body = data.body(name)
    position = body.xpos.copy()
    if name in task.movables:
        position[2] -= task.movables[name].origin_height
    return position, math.atan2(body.xmat[3], body.xmat[0])


def rests_on_goal(task: TaskScene, data: mujoco.MjData) -> bool:
    """Tell whether the object to move lies still on its goal, wholly."""
    thing, goal = task.movables[task.moved], task.surfaces[task.goal]
    (x, y, z), _ = underside(task, data, task.moved)
    is_still = float(np.linalg.norm(data.joint(task.moved).qvel[:3])) < _STILL_M_S
    return goal.carries(x, y, thing.footprint) and z > goal.height - _SINKS_IN_M and is_still
