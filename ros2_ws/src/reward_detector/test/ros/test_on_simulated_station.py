# SPDX-License-Identifier: Apache-2.0
"""Against rendered frames: calibration, accuracy, and no success where there is none."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mujoco', reason='no MuJoCo in this Python')
pytest.importorskip('widowx_sim', reason='widowx_sim is not installed')

from parl_files.task_file import read_task
from reward_detector.verdict.frame_judge import DetectorTask, FrameJudge
from reward_detector.verdict.verdict_filter import VerdictValue
from widowx_description.finger import opening_from_finger
from widowx_sim.station.station import Station


@pytest.fixture(scope='module')
def station():
    task = Path(__file__).resolve().parents[3] / 'widowx_bringup/config/tasks/cup_to_rack.yaml'
    made = Station(task)
    yield made
    made.close()


@pytest.fixture
def judge(cup_task):
    return FrameJudge.from_task_file(cup_task)


def put_cup(station, x, y, z):
    station._data.qpos[8:] = x, y, z, 1.0, 0.0, 0.0, 0.0
    station._data.qvel[:] = 0.0


def look(station, judge, stamp):
    opening = opening_from_finger(float(station.joint_state().position[7]))
    return judge.judge(stamp, station.render(), opening)


def test_table_points_are_where_the_camera_sees_them(station, cup_task):
    """The task file's calibration and its simulated camera must not drift apart."""
    marks = read_task(DetectorTask, cup_task).camera.table_points
    points = np.array(marks.points)
    assert len(points) >= 6
    pose = station.camera_pose()
    in_camera = (np.c_[points, np.zeros(len(points))] - pose[:3, 3]) @ pose[:3, :3]
    seen = in_camera @ station.camera_intrinsics().T
    distance = np.linalg.norm(seen[:, :2] / seen[:, 2:] - marks.pixels, axis=1)
    assert distance.max() < 1.5, f'table points are off by {distance.round(1)} px'


def test_standing_cup_within_4_mm(station, judge):
    errors = []
    for seed in range(30):
        station.reset(seed)
        judgement = look(station, judge, float(seed))
        assert judgement.objects.visible.all()
        assert judgement.verdict.value == VerdictValue.FAILURE
        truth = [station.object_pose(name)[0] for name in ('cup', 'rack')]
        errors.append(np.linalg.norm((judgement.objects.positions - truth)[:, :2], axis=1))
    cup, rack = np.array(errors).T
    assert np.percentile(cup, 95) < 0.004
    assert rack.max() < 0.004


def test_cup_put_on_the_rack_is_a_success_and_from_the_third_frame(station, judge):
    rack = np.array(station.task.scene['rack'].position)
    for number, offset in enumerate([(0, 0), (0.037, -0.037), (-0.037, 0.037), (0.037, 0.037)]):
        station.reset(number)
        judge.begin_episode(f'e{number}')
        stamp = 10.0 * number
        look(station, judge, stamp)
        put_cup(station, *(rack + offset), station.task.scene['rack'].height)
        values = [look(station, judge, stamp + 0.2 * i).verdict.value for i in (1, 2, 3)]
        assert values == [VerdictValue.UNKNOWN, VerdictValue.UNKNOWN, VerdictValue.SUCCESS]


@pytest.mark.parametrize(
    'offset',
    [
        (0.0, 0.0, 0.06),  # in mid-air over the rack, with closed fingers
        (0.092, 0.0, -0.02),  # on the table in front of, behind and beside it
        (-0.092, 0.0, -0.02),
        (0.0, -0.092, -0.02),
        (0.0, 0.092, -0.02),
    ],
)
def test_never_a_success_off_the_rack(station, judge, offset):
    station.reset(1)
    judge.begin_episode('e1')
    look(station, judge, 1.0)
    rack = np.array([*station.task.scene['rack'].position, station.task.scene['rack'].height])
    put_cup(station, *(rack + offset))
    if offset[2] > 0:
        station._data.qpos[6:8] = 0.029, -0.029
    values = {look(station, judge, 1.2 + 0.2 * i).verdict.value for i in range(8)}
    assert VerdictValue.SUCCESS not in values
