# SPDX-License-Identifier: Apache-2.0
"""An operator without memory: it says what to do next from any state, however that came about.

The scripted operator of the simulation goes through phases. It cannot go on from a state that
another hand has brought about, and a model that sees one picture cannot know the phase.
"""

import numpy as np
from numpy.typing import NDArray

from parl_policy.episode.action_space import MAX_TRANSLATION_M
from widowx_sim.scene.task_scene import Script

Vector = NDArray[np.float64]

_OPEN, _CLOSED = 1.0, -1.0
_FINE_M, _COARSE_M = 0.012, 0.03
"""Nearer than the first, the gripper goes down; farther than the second, it goes up first."""
_LEVEL_M = 0.008
"""Error of the height at which the gripper is down."""
_BETWEEN_M = np.array([0.015, 0.015, 0.02])
"""Distances up to which an object is between the fingers."""
AROUND = 0.8
"""Opening of the gripper below which it is closed, or around an object."""


def operate(
    script: Script, target: Vector, opening: float, tip: Vector, thing: Vector, goal: Vector
) -> Vector:
    """Choose the next action towards an object on its goal.

    Args:
        script: Heights of the task.
        target: (3,) last commanded position of ee_gripper_link [m, base_link].
        opening: Measured opening of the gripper, 0 closed to 1 open.
        tip: (3,) true position of ee_gripper_link [m, base_link].
        thing: (3,) middle of the object [m, base_link].
        goal: (3,) middle of the goal [m, base_link].

    Returns:
        (7,) action normalised to [-1, 1].
    """
    between = bool((np.abs(tip - thing) < _BETWEEN_M).all())
    held = between and opening < AROUND
    if held:
        move, down = _approach(script, target, goal[:2], script.release_height)
        return _action(move, _OPEN if down else _CLOSED)
    if np.abs(goal - thing)[:2].max() < _COARSE_M or (opening < AROUND and not between):
        # It is done, or the fingers hold nothing: up, and open.
        return _action(np.array([0.0, 0.0, script.hover_height - target[2]]), _OPEN)
    move, down = _approach(script, target, thing[:2], script.grasp_height)
    return _action(move, _CLOSED if down else _OPEN)


def _approach(script: Script, target: Vector, place: Vector, low: float) -> tuple[Vector, bool]:
    """Return the way (3,) [m] down to a place, and whether the gripper is there."""
    way = np.array([*(place - target[:2]), 0.0])
    off = np.abs(way[:2]).max()
    if off < _FINE_M:
        way[2] = low - target[2]
        if abs(way[2]) < _LEVEL_M:
            return np.zeros(3), True
    elif off > _COARSE_M:
        way[2] = script.hover_height - target[2]
        if way[2] > _COARSE_M:
            way[:2] = 0.0
    return way, False


def _action(way: Vector, gripper: float) -> Vector:
    move = way / MAX_TRANSLATION_M
    # The step is shortened, not clipped by axis: a straight path misses what lies beside it.
    move /= max(1.0, float(np.abs(move).max()))
    return np.array([*move, 0.0, 0.0, 0.0, gripper])
