# SPDX-License-Identifier: Apache-2.0
"""How well the reward detector judges rendered frames of the simulated station.

Prints one table for each task: position error of the object where it stands, recall of objects
that stand on their goal, and false successes: SUCCESS where the object, standing or lying, does
not rest on its goal, wholly. The truth is the simulator's; the detector sees pixels and the finger
position only.
"""

import argparse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
import math
import os
from pathlib import Path
from typing import Any

os.environ.setdefault('MUJOCO_GL', 'egl')

import cv2
import numpy as np

from parl_learner.offline.run.whole_number import at_least_0, at_least_1
from reward_detector.camera.table_homography import raise_to_plane
from reward_detector.verdict.frame_judge import FrameJudge
from reward_detector.verdict.verdict_filter import VerdictValue
from widowx_description.finger import opening_from_finger
from widowx_sim.scene.scene_object import Pot, Slab, Vegetable
from widowx_sim.scene.start_pose import solve_arm_positions
from widowx_sim.servos import wx250s
from widowx_sim.station.station import Station

TASKS = Path(__file__).resolve().parents[1] / 'ros2_ws/src/widowx_bringup/config/tasks'
R_DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
OPEN = wx250s.FINGER_OPEN_M
PAD_M = 0.0095  # finger position when both pads touch, and a little
FRAMES, PERIOD_S = 6, 0.2
FAR = (0.25, -0.15)


@dataclass
class Row:
    """One line of the table."""

    errors_mm: list[float] = field(default_factory=list)
    """Position error of each standing object that was seen."""
    frames: int = 0
    """Frames judged."""
    hidden: int = 0
    """Frames in which the object was not seen."""
    done: int = 0
    """Scenes truly done: the object stands on its goal, released."""
    found: int = 0
    """... of them judged SUCCESS."""
    false: int = 0
    """Scenes judged SUCCESS though the object does not rest on its goal."""


class Bench:
    """A station whose state is written directly, and the detector that looks at it."""

    def __init__(self, task: Path, seed: int) -> None:
        self.station = Station(task)
        self.judge = FrameJudge.from_task_file(task)
        self.random = np.random.default_rng(seed)
        scene = self.scene = self.station.task
        self.thing, self.goal = scene.movables[scene.moved], scene.surfaces[scene.goal]
        self.goal_xy = np.array(self.goal.position)
        self.grasp_height = scene.script.grasp_height - self.floor(FAR)
        half_width = getattr(self.thing, 'knob_radius', self.thing.footprint)
        self.around = PAD_M + half_width
        self._time_s = 0.0

    def floor(self, xy: tuple[float, float] | np.ndarray) -> float:
        """Height of what a thing stands on there, its goal left out."""
        others = [o for o in self.scene.surfaces.values() if o is not self.goal]
        return max((o.height for o in others if o.carries(*xy, 0.0)), default=0.0)

    def arm(self, position: np.ndarray, finger: float, yaw: float = 0.0) -> None:
        """Put ee_gripper_link at a place, pointing down."""
        c, s = math.cos(yaw), math.sin(yaw)
        rotation = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ R_DOWN
        data = self.station._data
        data.qpos[:6] = solve_arm_positions(self.station._model, position, rotation)
        data.qpos[6:8] = finger, -finger

    def random_arm(self, low_z: float = 0.09) -> None:
        """Put the arm anywhere in its workspace."""
        place = self.random.uniform([0.20, -0.20, low_z], [0.36, 0.22, 0.20])
        self.arm(place, self.random.uniform(0.012, OPEN), self.random.uniform(-0.5, 0.5))

    def put(self, position: np.ndarray, lying: bool = False) -> None:
        """Put the object's underside at a place, turned as a reset may, or on its side."""
        yaw = self.random.uniform(*self.thing.yaw)
        turn = np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
        if lying:
            c = math.sqrt(0.5)
            turn = np.array([turn[0] * c, -turn[3] * c, turn[0] * c, turn[3] * c])
        self.joint().qpos = [*position[:2], position[2] + self.thing.origin_height, *turn]
        self.station._data.qvel[:] = 0.0

    def joint(self, name: str = '') -> Any:  # noqa: ANN401
        """Free joint of the object, or of another one."""
        return self.station._data.joint(name or self.scene.moved)

    def look(self, row: Row) -> VerdictValue:
        """Judge the scene as it stands, one control step later."""
        self._time_s += PERIOD_S
        opening = opening_from_finger(float(self.station._data.qpos[6]))
        judged = self.judge.judge(self._time_s, self.station.render(), opening)
        self.seen = judged.objects
        row.frames += 1
        row.hidden += not judged.objects.visible[0]
        return judged.verdict.value

    def episode(self) -> None:
        """Begin an episode with the object in view, far from its goal."""
        self.judge.begin_episode('')
        self.station.reset(int(self.random.integers(1 << 31)))
        self.put(np.array([*FAR, self.floor(FAR)]))
        self.look(Row())
        self.judge.begin_episode('bench')

    def verdict(self, row: Row, frames: int = FRAMES) -> None:
        """Look at a scene at rest for some frames and count what comes out."""
        values = [self.look(row) for _ in range(frames)]
        is_success = VerdictValue.SUCCESS in values
        upright = self.station._data.body(self.scene.moved).xmat[8] > 0.99
        is_vegetable = isinstance(self.thing, Vegetable)
        is_done = self.rests_on_goal() and bool(upright or is_vegetable)
        row.done += is_done
        row.found += is_done and is_success
        row.false += is_success and not self.rests_on_goal()

    def rests_on_goal(self) -> bool:
        """Tell whether the object lies or stands on its goal, its centre well inside, released."""
        body = self.station._data.body(self.scene.moved)
        centre, reach = body.xipos, self.thing.footprint
        if isinstance(self.thing, Pot) and abs(body.xmat[8]) < 0.7:  # flatter than wide
            reach = 0.5 * (self.thing.height + self.thing.knob_height)
        opening = opening_from_finger(float(self.station._data.qpos[6]))
        inside = self.goal.carries(centre[0], centre[1], reach)
        return inside and centre[2] > self.goal.height + 0.01 and opening > 0.75

    def error(self, row: Row, height: float = 0.0) -> None:
        """Record the position error of a standing object that is seen."""
        if not self.seen.visible[0]:
            return
        camera = self.judge.camera.position
        place = raise_to_plane(self.seen.positions[0], camera, height)
        truth, _ = self.station.object_pose(self.scene.moved)
        row.errors_mm.append(1e3 * float(np.linalg.norm((place - truth)[:2])))


def start_region(bench: Bench, count: int) -> Row:
    """Object as reset puts it, arm at its start."""
    row = Row()
    for seed in range(count):
        bench.judge.begin_episode(str(seed))
        bench.station.reset(seed)
        row.false += bench.look(row) == VerdictValue.SUCCESS
        bench.error(row, bench.floor(FAR))
    return row


def random_arms(bench: Bench, count: int) -> Row:
    """Object anywhere on the table, arm anywhere above it: often in the way."""
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
    """Open fingers around an object where it starts."""
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
    """A place on the goal, 7 mm or more inside of where the object just rests on it wholly."""
    while True:
        xy = bench.goal_xy + bench.random.uniform(-0.1, 0.1, 2)
        if bench.goal.carries(*xy, bench.thing.footprint + 0.007):
            return xy


def placed(bench: Bench, count: int) -> Row:
    """Object standing on its goal, released, arm above it or elsewhere."""
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
    """Object in the fingers over its goal, from 5 mm to 12 cm up."""
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
    """Object standing up to 3 cm from one side of its goal."""
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
    """From the goal's middle to its outside, along x and y."""
    if isinstance(bench.goal, Slab):
        return 0.5 * max(bench.goal.size) + getattr(bench.goal, 'wall', 0.0)
    return bench.goal.radius + 0.008


def lying(bench: Bench, count: int) -> Row:
    """Object on its side, around its goal; one that has a side to fall on."""
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
    """Object let fall on and around its goal with any tilt: it stands, leans, lies, rolls off."""
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
    """A distractor on the goal, the object beside it, behind the arm or out of sight."""
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


def lines(rows: dict[str, Row]) -> Iterator[str]:
    """Yield the table as Markdown."""
    yield '| scene | frames | hidden | error p50 / p95 / max, mm | recall | false SUCCESS |'
    yield '|---|---|---|---|---|---|'
    for name, row in rows.items():
        if not row.frames:
            continue
        error = '-'
        if row.errors_mm:
            p50, p95, most = np.percentile(row.errors_mm, [50, 95, 100])
            error = f'{p50:.1f} / {p95:.1f} / {most:.1f}'
        recall = f'{row.found}/{row.done}' if row.done else '-'
        yield f'| {name} | {row.frames} | {row.hidden} | {error} | {recall} | {row.false} |'


def main() -> None:
    """Run all scenes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=at_least_1, default=60, help='of each kind of scene')
    parser.add_argument('--seed', type=at_least_0, default=0)
    parser.add_argument('--task', help='only this one')
    parser.add_argument('--picture', help='write what the camera sees at a reset, and stop')
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    paths = sorted(TASKS.glob(f'{arguments.task or "*"}.yaml'))
    if not paths:
        parser.error(f'no task {arguments.task!r} in {TASKS}')
    for path in paths:
        bench = Bench(path, arguments.seed)
        with closing(bench.station):
            if arguments.picture:
                bench.station.reset(arguments.seed)
                picture = cv2.cvtColor(bench.station.render(), cv2.COLOR_RGB2BGR)
                try:
                    is_written = cv2.imwrite(arguments.picture, picture)
                except cv2.error:
                    is_written = False
                if not is_written:
                    parser.error(
                        f'--picture: cannot write {arguments.picture}; name a .png or .jpg file '
                        'in a folder that is there and may be written'
                    )
                return
            rows = {name: scene(bench, arguments.count) for name, scene in SCENES.items()}
            print(f'\n{path.stem}\n')
            print('\n'.join(lines(rows)), flush=True)


if __name__ == '__main__':
    main()
