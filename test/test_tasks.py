# SPDX-License-Identifier: Apache-2.0
"""Each task has all its files, and every package reads them."""

from pathlib import Path

import numpy as np
import pytest

from parl_files.task_file import read_task
from parl_files.yaml_file import load_yaml
from parl_learner.plan.experiment_config import load_experiment
from reward_detector.verdict.frame_judge import DetectorTask
from widowx_driver.driver_task import load_driver_task
from widowx_sim.scene.scene_object import Fixed
from widowx_sim.scene.task_scene import load_task_scene

CONFIG = Path(__file__).parents[1] / 'ros2_ws/src/widowx_bringup/config'
TASKS = sorted(CONFIG.glob('tasks/*.yaml'))


def test_the_papers_tasks_are_there():
    assert {path.stem for path in TASKS} >= {
        'cup_to_rack',
        'pot_to_sink',
        'pot_to_sink_distractors',
        'vegetable_to_plate',
    }


@pytest.mark.parametrize('path', TASKS, ids=lambda path: path.stem)
def test_driver_detector_simulation_and_experiment_take_it(path):
    driver, scene = load_driver_task(path), load_task_scene(path)
    region, task = read_task(DetectorTask, path).reward.region, load_yaml(path)
    assert load_experiment(CONFIG / 'experiments' / path.name).task == path.stem
    assert isinstance(task['instruction'], str)
    assert int(task['horizon']) > 25
    # What is looked for is in the scene; the verdict's surface is the goal's.
    assert {entry['name'] for entry in task['objects']} <= set(scene.scene)
    goal = scene.scene[region.relative_to]
    assert isinstance(goal, Fixed)
    assert region.surface_height == pytest.approx(goal.height), (
        f'reward.region.surface_height is {region.surface_height}, but {region.relative_to} has '
        f'height {goal.height} in the scene'
    )
    # The operator's script stays inside the driver's box.
    low, high = driver.workspace.low, driver.workspace.high
    thing = scene.movables[scene.moved]
    for x in thing.x:
        for y in thing.y:
            for z in (scene.script.grasp_height, scene.script.hover_height):
                assert np.all((low <= [x, y, z]) & ([x, y, z] <= high)), (
                    f'start of {scene.moved} or height of the script {[x, y, z]} outside the '
                    f'workspace {low} … {high}'
                )


@pytest.mark.parametrize('path', TASKS, ids=lambda path: path.stem)
def test_the_first_two_objects_are_the_moved_one_and_its_goal(path):
    """The observation's order; `bench/` and the demonstrations rely on it."""
    task = load_yaml(path)
    names = [entry['name'] for entry in task['objects']][:2]
    assert names == [task['reward']['object'], task['reward']['region']['relative_to']], (
        'list reward.object first in objects, then its goal'
    )
