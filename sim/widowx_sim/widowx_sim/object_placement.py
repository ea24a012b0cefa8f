# SPDX-License-Identifier: Apache-2.0
"""Where a scene's objects are put at a reset, and whether the task is truly done."""

import math

import mujoco
import numpy as np

from widowx_sim.floats import FloatArray
from widowx_sim.task_scene import TaskScene

_STILL_M_S = 0.02
_SINKS_IN_M = 0.003


def draw_poses(task: TaskScene, random: np.random.Generator) -> dict[str, FloatArray]:
    """Draw x, y and yaw of each movable object, in order; each stands on what is below.

    Returns:
        By name: position [m, base_link] and quaternion (w, x, y, z) of the body's frame, (7,).
    """
    poses = {}
    for name, thing in task.movables.items():
        x, y, yaw = (random.uniform(*bounds) for bounds in (thing.x, thing.y, thing.yaw))
        below = [s.height for s in task.surfaces.values() if s.carries(x, y, 0.0)]
        height = max(below, default=0.0) + thing.origin_height
        poses[name] = np.array(
            [x, y, height, math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)],
        )
    return poses


def place_objects(task: TaskScene, data: mujoco.MjData, random: np.random.Generator) -> None:
    """Put each movable object where `draw_poses` says."""
    for name, pose in draw_poses(task, random).items():
        data.joint(name).qpos[:] = pose


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
