# SPDX-License-Identifier: Apache-2.0
"""The demo's station, shared by the tests that need one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from widowx_sim.scene.scene import build_model
from widowx_sim.scene.start_pose import solve_arm_positions, start_rotation
from widowx_sim.scene.task_scene import load_task_scene, TaskScene
from widowx_sim.scripted_expert import ExpertConfig, ScriptedExpert
from widowx_sim.station.station import Station

_TASK_FILE = Path(__file__).parents[3] / 'ros2_ws/src/widowx_bringup/config/tasks/cup_to_rack.yaml'


@pytest.fixture(scope='session')
def task_file() -> Path:
    return _TASK_FILE


@pytest.fixture(scope='session')
def task(task_file: Path) -> TaskScene:
    return load_task_scene(task_file)


@pytest.fixture(scope='session')
def shared_station(task: TaskScene) -> Iterator[Station]:
    station = Station(task)
    yield station
    station.close()


@pytest.fixture
def station(shared_station: Station) -> Station:
    """The station at the start of episode 0, with the profile it is built with."""
    shared_station.profile.durations_s[:] = 0.2
    shared_station.profile.accelerations_s[:] = 0.06
    shared_station.reset(0)
    return shared_station


@pytest.fixture
def play_episode(station: Station) -> Callable[..., int]:
    """A function that plays the script with true positions in this process."""
    model = build_model(station.task)

    def play(config: ExpertConfig, seed: int, horizon: int = 60) -> int:
        """Return after how many steps the cup has stood on the rack for three, 0 for never."""
        station.reset(seed)
        expert = ScriptedExpert(station.task.script, config, seed)
        position, joints = np.array(station.task.start.position), station.start_joints
        rotation = start_rotation(station.task.start)
        done_steps = 0
        for step in range(horizon):
            opening = (station.joint_state().position[7] - 0.010) / 0.027
            cup, rack = station.object_pose('cup')[0], station.object_pose('rack')[0]
            action = expert.act(step, position, opening, cup, rack)
            position = position + 0.05 * action[:3]
            position = np.clip(position, [0.18, -0.22, 0.025], [0.4, 0.26, 0.22])
            joints = solve_arm_positions(model, position, rotation, joints)
            station.command_gripper(0.010 + 0.027 * (action[6] + 1) / 2)
            station.command_arm(joints)
            station.advance(0.2)
            done_steps = done_steps + 1 if station.is_task_done() else 0
            if done_steps == 3:
                return step + 1
        return 0

    return play
