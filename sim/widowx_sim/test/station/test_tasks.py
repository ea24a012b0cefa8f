# SPDX-License-Identifier: Apache-2.0
"""Every task file makes a station whose task the script can do."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from widowx_sim.scene.scene import build_model
from widowx_sim.scene.start_pose import solve_arm_positions, start_rotation, STRAIGHT_DOWN
from widowx_sim.scripted_expert import ExpertConfig, ScriptedExpert
from widowx_sim.station.station import Station

_TASKS = Path(__file__).parents[4] / 'ros2_ws/src/widowx_bringup/config/tasks'
_RECORDED_PATH = [
    [2.385649167143e-01, -1.315827392086e-01, -2.259991108791e-06],
    [2.534982644381e-01, -8.658071829627e-02, 8.317665175669e-02],
    [2.955802432539e-01, 1.632699542705e-01, 1.999774000889e-02],
]
_NAMES = sorted(path.stem for path in _TASKS.glob('*.yaml'))


def _play(station, seed, config, steps):
    """The script on true positions; returns the object's path (steps, 3)."""
    task = station.task
    model, rotation = build_model(task), start_rotation(task.start)
    box = yaml.safe_load((_TASKS / f'{task.task}.yaml').read_text())['workspace']
    station.reset(seed)
    expert = ScriptedExpert(task.script, config, seed)
    position, joints, path = np.array(task.start.position), station.start_joints, []
    for step in range(steps):
        opening = (station.joint_state().position[7] - 0.010) / 0.027
        thing, goal = (station.object_pose(name)[0] for name in (task.moved, task.goal))
        action = expert.act(step, position, opening, thing, goal)
        position = np.clip(position + 0.05 * action[:3], box['low'], box['high'])
        joints = solve_arm_positions(model, position, rotation, joints)
        station.command_gripper(0.010 + 0.027 * (action[6] + 1) / 2)
        station.command_arm(joints)
        station.advance(0.2)
        path.append(station.object_pose(task.moved)[0])
    return np.array(path)


@pytest.fixture(params=_NAMES)
def station(request):
    made = Station(_TASKS / f'{request.param}.yaml')
    yield made
    made.close()


def test_file_is_named_as_its_task():
    for name in _NAMES:
        assert yaml.safe_load((_TASKS / f'{name}.yaml').read_text())['task'] == name


def test_script_lifts_the_object_and_puts_it_on_its_goal(station):
    for seed in (11, 12):
        station.reset(seed)
        moved = station.task.moved
        assert not station.is_task_done(), f'done at the reset: x, y of {moved} reach its goal'
        start = station.object_pose(station.task.moved)[0]
        path = _play(station, seed, ExpertConfig(), 26)
        assert path[:, 2].max() > start[2] + 0.05, f'the script did not lift {moved}'
        assert station.is_task_done(), f'the script left {moved} at {path[-1]}'


def test_objects_stay_where_reset_puts_them(station):
    for seed in range(5):
        station.reset(seed)
        before = {name: station.object_pose(name)[0] for name in station.task.movables}
        station.advance(1.0)
        for name, place in before.items():
            thing = station.task.movables[name]
            np.testing.assert_allclose(station.object_pose(name)[0], place, atol=1e-3)
            assert thing.x[0] - 0.002 <= place[0] <= thing.x[1] + 0.002
            assert thing.y[0] - 0.002 <= place[1] <= thing.y[1] + 0.002


def _place(station, roll, height):
    """Put the object to move over its goal's middle, rolled about x [rad], and let it rest."""
    task, goal = station.task, station.task.surfaces[station.task.goal]
    station.reset(0)
    joint = station._data.joint(task.moved)
    joint.qpos[:3] = *goal.position, goal.height + height
    joint.qpos[3:] = math.cos(roll / 2), math.sin(roll / 2), 0.0, 0.0
    station.advance(0.5)


def test_on_the_goal_is_done_once_the_fingers_are_open(station):
    _place(station, 0.0, station.task.movables[station.task.moved].origin_height)
    assert station.is_task_done()
    station._data.qpos[6:8] = 0.02, -0.02
    assert not station.is_task_done()


def test_lying_on_the_goal_is_done():
    station = Station(_TASKS / 'cup_to_rack.yaml')
    _place(station, math.pi / 2, 0.04)
    assert abs(station._data.body('cup').xmat[8]) < 0.1, 'it lies'
    assert station.is_task_done()


def _move_gripper(station, offset):
    """Put ee_gripper_link so far from the object to move [m]."""
    at = station._data.body(station.task.moved).xpos + np.array(offset)
    station._data.qpos[:6] = solve_arm_positions(station._model, at, STRAIGHT_DOWN)


def test_over_the_goal_or_touched_by_the_arm_is_not_done(station):
    stands_at = station.task.movables[station.task.moved].origin_height
    _place(station, 0.0, stands_at)
    station._data.joint(station.task.moved).qpos[2] += 0.03
    assert not station.is_task_done(), 'hangs in the air'

    _place(station, 0.0, stands_at)
    _move_gripper(station, [0.0, 0.0, 0.12])
    assert station.is_task_done(), 'the open fingers are above it'
    _move_gripper(station, [0.0, 0.03, 0.03])
    assert not station.is_task_done(), 'a finger is in it'


@pytest.mark.parametrize('beside_m', [0.016, 0.020, 0.024, 0.028, 0.032])
def test_open_fingers_pressed_onto_the_rim_carry_nothing_away(beside_m):
    """With softer contacts the cup's wall got stuck inside a finger."""
    station = Station(_TASKS / 'cup_to_rack.yaml')
    station.reset(0)
    cup = station._data.joint('cup')
    cup.qpos[:] = 0.28, 0.02, 0.0, 1.0, 0.0, 0.0, 0.0
    for height in (0.15, 0.10, 0.06, 0.035, 0.06, 0.10, 0.15, 0.18):
        at = np.array([0.292, 0.02 + beside_m, height])
        station.command_arm(solve_arm_positions(station._model, at, STRAIGHT_DOWN))
        station.advance(0.3)
    assert station.object_pose('cup')[0][2] == pytest.approx(0.0, abs=1e-3)


def test_distractors_leave_the_pot_where_it_was():
    stations = [Station(_TASKS / f'pot_to_sink{end}.yaml') for end in ('', '_distractors')]
    for seed in range(3):
        for station in stations:
            station.reset(seed)
        (one, _), (other, _) = (station.object_pose('pot') for station in stations)
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_pot_tasks_differ_in_name_and_distractors_only():
    plain, full = (
        yaml.safe_load((_TASKS / f'pot_to_sink{end}.yaml').read_text())
        for end in ('', '_distractors')
    )
    added = full['scene'][len(plain['scene']) :]
    assert [thing['name'] for thing in added] == ['yellow_cup', 'blue_cup', 'aubergine']
    full['scene'] = full['scene'][: len(plain['scene'])]
    assert full.pop('task') == 'pot_to_sink_distractors'
    assert plain.pop('task') == 'pot_to_sink'
    assert full == plain


def test_an_episode_of_cup_to_rack_is_the_one_it_always_was():
    """Recorded when contacts became hard; published results depend on it."""
    station = Station(_TASKS / 'cup_to_rack.yaml')
    noise = ExpertConfig(aim_error_m=0.025, jitter=0.05, rotation_jitter=0.03)
    path = _play(station, 3, noise, 20)
    np.testing.assert_allclose(path[[0, 9, 19]], _RECORDED_PATH, rtol=0.0, atol=1e-7)
