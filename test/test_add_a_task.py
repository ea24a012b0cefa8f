# SPDX-License-Identifier: Apache-2.0
"""The task that docs/add_a_task.md adds works as the page says."""

from contextlib import closing
from pathlib import Path
import re
from typing import get_args

import pytest
import yaml

pytest.importorskip('mujoco', reason='no MuJoCo in this Python')

from in_process.station import InProcessStation

from parl_policy.episode.player import EpisodeGoal
from widowx_sim.scene.scene_object import SceneObject
from widowx_sim.scripted_expert import ExpertConfig, ScriptedExpert

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/add_a_task.md').read_text(encoding='utf-8')
CONFIG = ROOT / 'ros2_ws/src/widowx_bringup/config'


@pytest.fixture
def task_file(tmp_path):
    task = yaml.safe_load((CONFIG / 'tasks/cup_to_rack.yaml').read_text(encoding='utf-8'))
    for block in re.findall(r'```yaml\n(.*?)```', PAGE, re.DOTALL):
        task.update(yaml.safe_load(block))
    path = tmp_path / 'cup_to_plate.yaml'
    path.write_text(yaml.safe_dump(task), encoding='utf-8')
    return path


def test_the_script_does_it_and_the_detector_sees_it(task_file):
    with closing(InProcessStation(task_file)) as station:
        for seed in range(2):
            expert = ScriptedExpert(station.script, ExpertConfig(), seed)

            def choose(step, _, state, expert=expert):
                cup, plate = state.object_positions
                opening = state.gripper_opening
                return expert.act(step, state.target.position, opening, cup, plate), ''

            episode = station.play(EpisodeGoal(f'e{seed}', 'practice', 30, seed), choose)
            assert episode.success
            assert station.truly_done


def test_every_shape_is_on_the_page():
    shapes = re.findall(r'^\| `(\w+)` \| (?:yes|no) \|', PAGE, re.MULTILINE)
    assert shapes == [kind.shape for kind in get_args(SceneObject)]


def test_every_path_on_the_page_is_there():
    for name in re.findall(r'(?<![\w/])((?:docs|test|bench|sim)/[\w/]+\.(?:py|md))', PAGE):
        assert (ROOT / name).is_file(), name
    for name in ('scene_object.py', 'object_geometry.py'):
        assert (ROOT / 'sim/widowx_sim/widowx_sim/scene' / name).is_file()
