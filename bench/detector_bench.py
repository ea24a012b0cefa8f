# SPDX-License-Identifier: Apache-2.0
"""A simulated station whose state is written directly, and the detector that looks at it."""

from dataclasses import dataclass, field
import math
import os
from pathlib import Path
from typing import Any

os.environ.setdefault('MUJOCO_GL', 'egl')

import numpy as np

from reward_detector.camera.table_homography import raise_to_plane
from reward_detector.verdict.frame_judge import FrameJudge
from reward_detector.verdict.verdict_filter import VerdictValue
from widowx_description.finger import opening_from_finger
from widowx_sim.scene.scene_object import Pot, Vegetable
from widowx_sim.scene.start_pose import solve_arm_positions, STRAIGHT_DOWN
from widowx_sim.servos import wx250s
from widowx_sim.station.station import Station

TASKS = Path(__file__).resolve().parents[1] / 'ros2_ws/src/widowx_bringup/config/tasks'
OPEN = wx250s.FINGER_OPEN_M
PAD_M = 0.0095  # finger position when both pads touch, plus a little
FRAMES, PERIOD_S = 6, 0.2
FAR = (0.25, -0.15)


@dataclass
class Row:
    """One line of the table."""

    errors_mm: list[float] = field(default_factory=list)
    """Position error of each standing object that was seen [mm]."""
    frames: int = 0
    """Number of frames judged."""
    hidden: int = 0
    """Number of frames in which the object was not seen."""
    done: int = 0
    """Number of scenes that are done: the object stands on its goal, released."""
    found: int = 0
    """Number of these that were judged SUCCESS."""
    false: int = 0
    """Number of scenes judged SUCCESS although the object does not rest on its goal."""


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
        """Return the height of the surface at a place, without the goal [m]."""
        others = [o for o in self.scene.surfaces.values() if o is not self.goal]
        return max((o.height for o in others if o.carries(*xy, 0.0)), default=0.0)

    def arm(self, position: np.ndarray, finger: float, yaw: float = 0.0) -> None:
        """Put `ee_gripper_link` at a place (3,) [m], pointing down."""
        c, s = math.cos(yaw), math.sin(yaw)
        rotation = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ STRAIGHT_DOWN
        data = self.station._data
        data.qpos[:6] = solve_arm_positions(self.station._model, position, rotation)
        data.qpos[6:8] = finger, -finger

    def random_arm(self, low_z: float = 0.09) -> None:
        """Put the arm anywhere in its workspace."""
        place = self.random.uniform([0.20, -0.20, low_z], [0.36, 0.22, 0.20])
        self.arm(place, self.random.uniform(0.012, OPEN), self.random.uniform(-0.5, 0.5))

    def put(self, position: np.ndarray, lying: bool = False) -> None:
        """Put the object's bottom at a place (3,) [m], with a turn as after a reset or lying."""
        yaw = self.random.uniform(*self.thing.yaw)
        turn = np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
        if lying:
            c = math.sqrt(0.5)
            turn = np.array([turn[0] * c, -turn[3] * c, turn[0] * c, turn[3] * c])
        self.joint().qpos = [*position[:2], position[2] + self.thing.origin_height, *turn]
        self.station._data.qvel[:] = 0.0

    def joint(self, name: str = '') -> Any:  # noqa: ANN401
        """Return the free joint of the object, or of another one."""
        return self.station._data.joint(name or self.scene.moved)

    def look(self, row: Row) -> VerdictValue:
        """Judge the scene as it is, one control step later."""
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
        """Judge a scene at rest for some frames and count the results."""
        values = [self.look(row) for _ in range(frames)]
        is_success = VerdictValue.SUCCESS in values
        upright = self.station._data.body(self.scene.moved).xmat[8] > 0.99
        is_vegetable = isinstance(self.thing, Vegetable)
        is_done = self.rests_on_goal() and bool(upright or is_vegetable)
        row.done += is_done
        row.found += is_done and is_success
        row.false += is_success and not self.rests_on_goal()

    def rests_on_goal(self) -> bool:
        """Say whether the object rests on its goal, released, its centre well inside."""
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
