# SPDX-License-Identifier: Apache-2.0
"""Scenes in which the reward detector is asked, with what is true in them."""

import math
import os

os.environ.setdefault('MUJOCO_GL', 'egl')

from detector_bench import Bench, FAR, OPEN, Row
import numpy as np

from reward_detector.verdict.verdict_filter import VerdictValue
from widowx_sim.scene.scene_object import Slab, Vegetable


def start_region(bench: Bench, count: int) -> Row:
    """Judge scenes with the object as a reset puts it and the arm at its start."""
    row = Row()
    for seed in range(count):
        bench.judge.begin_episode(str(seed))
        bench.station.reset(seed)
        row.false += bench.look(row) == VerdictValue.SUCCESS
        bench.error(row, bench.floor(FAR))
    return row


def random_arms(bench: Bench, count: int) -> Row:
    """Judge scenes with the object anywhere and the arm above the table, often in the way."""
    row = Row()
    for _ in range(count):
        bench.episode()
        xy = bench.random.uniform([0.22, -0.15], [0.33, 0.00])
        bench.put(np.array([*xy, bench.floor(xy)]))
        bench.random_arm()
        row.false += bench.look(row) == VerdictValue.SUCCESS
        bench.error(row, bench.floor(xy))
    return row


def grasping(bench: Bench, count: int) -> Row:
    """Judge scenes with open fingers around the object at its start."""
    row = Row()
    low, high = np.array([bench.thing.x, bench.thing.y]).T
    for _ in range(count):
        bench.episode()
        xy = bench.random.uniform(low, high)
        floor = bench.floor(xy)
        bench.put(np.array([*xy, floor]))
        height = floor + bench.grasp_height + bench.random.uniform(0.0, 0.044)
        bench.arm(np.array([*xy, height]), OPEN, bench.random.uniform(-0.5, 0.5))
        row.false += bench.look(row) == VerdictValue.SUCCESS
        bench.error(row, floor)
    return row


def random_on_goal(bench: Bench) -> np.ndarray:
    """Draw a place on the goal, at least 7 mm inside the area where the object rests wholly."""
    while True:
        xy = bench.goal_xy + bench.random.uniform(-0.1, 0.1, 2)
        if bench.goal.carries(*xy, bench.thing.footprint + 0.007):
            return xy


def placed(bench: Bench, count: int) -> Row:
    """Judge scenes with the object released on its goal and the arm above it or elsewhere."""
    row = Row()
    for _ in range(count):
        bench.episode()
        xy = random_on_goal(bench)
        bench.put(np.array([*xy, bench.goal.height]))
        if bench.random.uniform() < 0.5:
            low = bench.goal.height + bench.grasp_height + 0.004
            above = np.array([*xy, bench.random.uniform(low, 0.13)])
            bench.arm(above, OPEN, bench.random.uniform(-0.3, 0.3))
        else:
            bench.random_arm(low_z=0.13)
            bench.station._data.qpos[6:8] = OPEN, -OPEN
        bench.verdict(row)
        bench.error(row, bench.goal.height)
    return row


def held_above(bench: Bench, count: int) -> Row:
    """Judge scenes with the object in the fingers, 5 mm to 12 cm above its goal."""
    row = Row()
    for _ in range(count):
        bench.episode()
        xy = bench.goal_xy + bench.random.uniform(-0.05, 0.05, 2)
        base = bench.goal.height + bench.random.uniform(0.005, 0.12)
        bench.put(np.array([*xy, base]))
        bench.arm(np.array([*xy, min(base + bench.grasp_height, 0.19)]), bench.around)
        bench.verdict(row)
    return row


def beside_goal(bench: Bench, count: int) -> Row:
    """Judge scenes with the object standing up to 3 cm beside its goal."""
    row = Row()
    for index in range(count):
        bench.episode()
        out = goal_extent(bench) + bench.thing.footprint + bench.random.uniform(0.005, 0.030)
        along = bench.random.uniform(-0.06, 0.06)
        offset = [(out, along), (-out, along), (along, out), (along, -out)][index % 4]
        xy = bench.goal_xy + offset
        bench.put(np.array([*xy, bench.floor(xy)]))
        bench.arm(np.array([0.28, -0.05, 0.18]), OPEN)
        bench.verdict(row)
        bench.error(row, bench.floor(xy))
    return row


def goal_extent(bench: Bench) -> float:
    """Return the distance from the goal's middle to its outside, along x and y [m]."""
    if isinstance(bench.goal, Slab):
        return 0.5 * max(bench.goal.size) + getattr(bench.goal, 'wall', 0.0)
    return bench.goal.radius + 0.008


def lying(bench: Bench, count: int) -> Row:
    """Judge scenes with the object on its side, around its goal, if it can lie on a side."""
    row = Row()
    if isinstance(bench.thing, Vegetable):
        return row
    reach = bench.thing.height + getattr(bench.thing, 'knob_height', 0.0)
    for index in range(count):
        bench.episode()
        out = goal_extent(bench) + reach + bench.random.uniform(0.005, 0.035)
        along = bench.random.uniform(-0.06, 0.06)
        offset = [(out, along), (-out, along), (along, -out)][index % 3]
        bench.put(np.array([*(bench.goal_xy + offset), bench.thing.footprint]), lying=True)
        bench.arm(np.array([0.28, -0.05, 0.18]), OPEN)
        bench.verdict(row)
    return row


def dropped(bench: Bench, count: int) -> Row:
    """Judge scenes after the object fell on or around its goal, with any tilt."""
    row = Row()
    for _ in range(count):
        bench.episode()
        xy = bench.goal_xy + bench.random.uniform(-0.10, 0.10, 2)
        bench.put(np.array([*xy, 0.06]))
        tilt, heading = bench.random.uniform(0.0, 0.9), bench.random.uniform(-np.pi, np.pi)
        axis = np.array([math.cos(heading), math.sin(heading), 0.0])
        bench.joint().qpos[3:] = [math.cos(tilt / 2), *(math.sin(tilt / 2) * axis)]
        bench.look(row)
        bench.station.advance(2.0)
        bench.verdict(row)
    return row


def distractor_on_goal(bench: Bench, count: int) -> Row:
    """Judge scenes with a distractor on the goal; the object is beside it, hidden or away."""
    row = Row()
    others = {name: o for name, o in bench.scene.movables.items() if o is not bench.thing}
    if not others:
        return row
    for index in range(count):
        bench.episode()
        name = list(others)[index % len(others)]
        place = (*random_on_goal(bench), bench.goal.height + others[name].origin_height)
        bench.joint(name).qpos[:3] = place
        if index % 3 == 1:
            bench.put(np.array([0.0, 0.6, 0.0]))
        elif index % 3 == 2:
            bench.random_arm(low_z=0.13)
        bench.station._data.qpos[6:8] = OPEN, -OPEN
        bench.verdict(row)
    return row


SCENES = {
    'in its start region': start_region,
    'arm anywhere': random_arms,
    'open fingers around it': grasping,
    'placed on its goal': placed,
    'held above its goal': held_above,
    'beside its goal': beside_goal,
    'lying beside its goal': lying,
    'dropped at random': dropped,
    'a distractor on the goal': distractor_on_goal,
}
