# SPDX-License-Identifier: Apache-2.0
"""Places the objects of a scene at a reset, and tells whether the task is truly done."""

import math

import mujoco
import numpy as np

from widowx_sim.scene.task_scene import TaskScene
from widowx_sim.servos.floats import FloatArray

_STILL_M_S = 0.02


def draw_poses(task: TaskScene, random: np.random.Generator) -> dict[str, FloatArray]:
    """Draw x, y and yaw of each movable object, in order; each stands on the surface below it.

    Returns:
        By name: (7,) position [m, base_link] and quaternion (w, x, y, z) of the body's frame.
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
    """Put each movable object where `draw_poses` says, at rest."""
    for name, pose in draw_poses(task, random).items():
        data.joint(name).qpos[:] = pose
        data.joint(name).qvel[:] = 0.0


def underside(task: TaskScene, data: mujoco.MjData, name: str) -> tuple[FloatArray, float]:
    """Return the true pose of an object.

    Returns:
        (3,) position of the middle of its underside [m, base_link], and yaw [rad].
    """
    body = data.body(name)
    position = body.xpos.copy()
    if name in task.movables:
        position[2] -= task.movables[name].origin_height
    return position, math.atan2(body.xmat[3], body.xmat[0])


def rests_on_goal(task: TaskScene, data: mujoco.MjData) -> bool:
    """Tell whether the moved object rests wholly on its goal and does not touch the arm.

    Contacts decide: its position does not tell whether a finger still carries it.
    """
    thing, goal = data.body(task.moved), task.surfaces[task.goal]
    x, y, _ = thing.xipos
    is_inside = goal.carries(x, y, task.movables[task.moved].footprint)
    is_still = float(np.linalg.norm(data.joint(task.moved).qvel[:3])) < _STILL_M_S
    touching = _touching(data, thing.id)
    arm = data.body('base_link').id
    is_held = any(data.model.body_rootid[body] == arm for body in touching)
    return is_inside and is_still and data.body(task.goal).id in touching and not is_held


def _touching(data: mujoco.MjData, body: int) -> set[int]:
    """Return the bodies in contact with a body."""
    pairs = data.model.geom_bodyid[data.contact.geom]
    return set(pairs[(pairs == body).any(axis=1)].flat) - {body}
