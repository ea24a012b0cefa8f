# SPDX-License-Identifier: Apache-2.0
"""How well the reward detector judges rendered frames of the simulated station.

Prints one table: position error of standing cups, recall of cups that stand on the rack, and
false successes: SUCCESS where the cup, standing or lying, does not rest on the rack with its
centre at least its radius from the rack's edge. The truth is the simulator's; the detector sees
pixels and the finger position only.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
import math
import os
from pathlib import Path

os.environ.setdefault('MUJOCO_GL', 'egl')

import cv2
import numpy as np

from reward_detector.frame_judge import FrameJudge
from reward_detector.gripper_opening import gripper_opening
from reward_detector.table_homography import raise_to_plane
from reward_detector.verdict_filter import VerdictValue
from widowx_sim import wx250s
from widowx_sim.start_pose import solve_arm_positions
from widowx_sim.station import Station

TASK = (
    Path(__file__).resolve().parents[1]
    / 'ros2_ws/src/widowx_bringup/config/tasks/cup_to_rack.yaml'
)
R_DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
OPEN, AROUND_CUP = wx250s.FINGER_OPEN_M, 0.0295
FRAMES, PERIOD_S = 6, 0.2
FAR_CUP = (0.25, -0.15, 0.0)


@dataclass
class Row:
    """One line of the table."""

    errors_mm: list[float] = field(default_factory=list)
    """Position error of each standing cup that was seen."""
    frames: int = 0
    """Frames judged."""
    hidden: int = 0
    """Frames in which the cup was not seen."""
    done: int = 0
    """Scenes truly done: the cup stands on the rack, released."""
    found: int = 0
    """... of them judged SUCCESS."""
    false: int = 0
    """Scenes judged SUCCESS though the cup does not rest on the rack."""


class Bench:
    """A station whose state is written directly, and the detector that looks at it."""

    def __init__(self, seed: int) -> None:
        self.station = Station(TASK)
        self.judge = FrameJudge.from_task_file(TASK)
        self.random = np.random.default_rng(seed)
        self.rack = np.array(self.station.task.rack.position)
        self.rack_height = self.station.task.rack.height
        self._time_s = 0.0

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

    def cup(self, position: np.ndarray, lying: bool = False) -> None:
        """Put the cup at a place, any yaw, upright or on its side."""
        yaw = self.random.uniform(-np.pi, np.pi)
        turn = np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
        if lying:
            c = math.sqrt(0.5)
            turn = np.array([turn[0] * c, -turn[3] * c, turn[0] * c, turn[3] * c])
        self.station._data.qpos[8:] = [*position, *turn]
        self.station._data.qvel[:] = 0.0

    def look(self, row: Row) -> VerdictValue:
        """Judge the scene as it stands, one control step later."""
        self._time_s += PERIOD_S
        opening = gripper_opening(float(self.station._data.qpos[6]))
        judged = self.judge.judge(self._time_s, self.station.render(), opening)
        self.seen = judged.objects
        row.frames += 1
        row.hidden += not judged.objects.visible[0]
        return judged.verdict.value

    def episode(self) -> None:
        """Begin an episode with the cup in view, far from the rack."""
        self.judge.begin_episode('')
        self.station.reset(int(self.random.integers(1 << 31)))
        self.cup(np.array(FAR_CUP))
        self.look(Row())
        self.judge.begin_episode('bench')

    def verdict(self, row: Row, frames: int = FRAMES) -> None:
        """Look at a scene at rest for some frames and count what comes out."""
        values = [self.look(row) for _ in range(frames)]
        is_success = VerdictValue.SUCCESS in values
        cup = self.station._data.body('cup')
        is_done = self.station.is_task_done() and bool(cup.xmat[8] > 0.99)
        row.done += is_done
        row.found += is_done and is_success
        row.false += is_success and not self.rests_on_rack()

    def rests_on_rack(self) -> bool:
        """Tell whether the cup lies or stands on the rack, its centre well inside, released."""
        centre = self.station._data.body('cup').xipos
        room = 0.5 * min(self.station.task.rack.size) - self.station.task.cup.radius
        inside = bool(np.all(np.abs(centre[:2] - self.rack) <= room))
        opening = gripper_opening(float(self.station._data.qpos[6]))
        return inside and centre[2] > self.rack_height + 0.01 and opening > 0.75

    def error(self, row: Row, height: float = 0.0) -> None:
        """Record the position error of a standing cup that is seen."""
        if not self.seen.visible[0]:
            return
        camera = self.judge.camera.position
        place = raise_to_plane(self.seen.positions[0], camera, height)
        truth, _ = self.station.object_pose('cup')
        row.errors_mm.append(1e3 * float(np.linalg.norm((place - truth)[:2])))


def start_region(bench: Bench, count: int) -> Row:
    """Cup as reset puts it, arm at its start."""
    row = Row()
    for seed in range(count):
        bench.judge.begin_episode(str(seed))
        bench.station.reset(seed)
        row.false += bench.look(row) == VerdictValue.SUCCESS
        bench.error(row)
    return row


def random_arms(bench: Bench, count: int) -> Row:
    """Cup anywhere on the table, arm anywhere above it: often in the way."""
    row = Row()
    for _ in range(count):
        bench.episode()
        bench.cup(np.array([*bench.random.uniform([0.20, -0.20], [0.36, 0.06]), 0.0]))
        bench.random_arm()
        row.false += bench.look(row) == VerdictValue.SUCCESS
        bench.error(row)
    return row


def grasping(bench: Bench, count: int) -> Row:
    """Open fingers around a cup on the table."""
    row = Row()
    for _ in range(count):
        bench.episode()
        xy = bench.random.uniform([0.23, -0.16], [0.33, -0.04])
        bench.cup(np.array([*xy, 0.0]))
        height = bench.random.uniform(0.036, 0.08)
        bench.arm(np.array([*xy, height]), OPEN, bench.random.uniform(-0.5, 0.5))
        row.false += bench.look(row) == VerdictValue.SUCCESS
        bench.error(row)
    return row


def placed(bench: Bench, count: int) -> Row:
    """Cup standing on the rack, released, arm above it or elsewhere."""
    row = Row()
    for _ in range(count):
        bench.episode()
        xy = bench.rack + bench.random.uniform(-0.038, 0.038, 2)
        bench.cup(np.array([*xy, bench.rack_height]))
        if bench.random.uniform() < 0.5:
            above = np.array([*xy, bench.random.uniform(0.06, 0.13)])
            bench.arm(above, OPEN, bench.random.uniform(-0.3, 0.3))
        else:
            bench.random_arm(low_z=0.13)
            bench.station._data.qpos[6:8] = OPEN, -OPEN
        bench.verdict(row)
        bench.error(row, bench.rack_height)
    return row


def held_above(bench: Bench, count: int) -> Row:
    """Cup in the fingers over the rack, from 5 mm to 12 cm up."""
    row = Row()
    for _ in range(count):
        bench.episode()
        xy = bench.rack + bench.random.uniform(-0.05, 0.05, 2)
        base = bench.rack_height + bench.random.uniform(0.005, 0.12)
        bench.cup(np.array([*xy, base]))
        bench.arm(np.array([*xy, base + 0.036]), AROUND_CUP)
        bench.verdict(row)
    return row


def beside_rack(bench: Bench, count: int) -> Row:
    """Cup standing on the table, up to 3 cm from one side of the rack."""
    row = Row()
    for index in range(count):
        bench.episode()
        out = 0.5 * 0.13 + 0.020 + bench.random.uniform(0.005, 0.030)
        along = bench.random.uniform(-0.06, 0.06)
        offset = [(out, along), (-out, along), (along, out), (along, -out)][index % 4]
        bench.cup(np.array([*(bench.rack + offset), 0.0]))
        bench.arm(np.array([0.28, -0.05, 0.18]), OPEN)
        bench.verdict(row)
        bench.error(row)
    return row


def lying(bench: Bench, count: int) -> Row:
    """Cup on its side, on the table around the rack."""
    row = Row()
    for index in range(count):
        bench.episode()
        out, along = 0.13 + bench.random.uniform(0.0, 0.03), bench.random.uniform(-0.06, 0.06)
        offset = [(out, along), (-out, along), (along, -out)][index % 3]
        bench.cup(np.array([*(bench.rack + offset), 0.020]), lying=True)
        bench.arm(np.array([0.28, -0.05, 0.18]), OPEN)
        bench.verdict(row)
    return row


def dropped(bench: Bench, count: int) -> Row:
    """Cup let fall on and around the rack with any tilt: it stands, leans, lies or rolls off."""
    row = Row()
    for _ in range(count):
        bench.episode()
        xy = bench.rack + bench.random.uniform(-0.10, 0.10, 2)
        bench.cup(np.array([*xy, 0.06]))
        tilt, heading = bench.random.uniform(0.0, 0.9), bench.random.uniform(-np.pi, np.pi)
        axis = np.array([math.cos(heading), math.sin(heading), 0.0])
        bench.station._data.qpos[11] = math.cos(tilt / 2)
        bench.station._data.qpos[12:] = math.sin(tilt / 2) * axis
        bench.look(row)
        bench.station.advance(2.0)
        bench.verdict(row)
    return row


SCENES = {
    'cup in its start region': start_region,
    'arm anywhere': random_arms,
    'open fingers around the cup': grasping,
    'placed on the rack': placed,
    'held above the rack': held_above,
    'on the table beside the rack': beside_rack,
    'lying beside the rack': lying,
    'dropped at random': dropped,
}


def lines(rows: dict[str, Row]) -> Iterator[str]:
    """Yield the table as Markdown."""
    yield '| scene | frames | cup hidden | error p50 / p95 / max, mm | recall | false SUCCESS |'
    yield '|---|---|---|---|---|---|'
    for name, row in rows.items():
        error = '-'
        if row.errors_mm:
            p50, p95, most = np.percentile(row.errors_mm, [50, 95, 100])
            error = f'{p50:.1f} / {p95:.1f} / {most:.1f}'
        recall = f'{row.found}/{row.done}' if row.done else '-'
        yield f'| {name} | {row.frames} | {row.hidden} | {error} | {recall} | {row.false} |'


def main() -> None:
    """Run all scenes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=int, default=60, help='of each kind of scene')
    parser.add_argument('--seed', type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    bench = Bench(arguments.seed)
    rows = {name: scene(bench, arguments.count) for name, scene in SCENES.items()}
    print('\n'.join(lines(rows)))
    bench.station.close()


if __name__ == '__main__':
    main()
