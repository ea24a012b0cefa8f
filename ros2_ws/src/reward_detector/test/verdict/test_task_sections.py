# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from parl_files.config_file import ConfigError
from parl_files.task_file import read_task
from reward_detector.verdict.frame_judge import DetectorTask, FrameJudge


def test_the_real_task_file_is_accepted(cup_task):
    judge = FrameJudge.from_task_file(cup_task)
    assert judge.camera.homography.residuals_mm.max() < 1.0


@pytest.mark.parametrize(
    ('keys', 'value', 'words'),
    [
        (('reward', 'min_frames'), None, r'reward\.min_frames is missing'),
        (('reward', 'min_framess'), 3, r'reward\.min_framess is unknown'),
        (('reward', 'min_frames'), 0, 'min_frames is 0; give 1 or more'),
        (('reward', 'min_gripper_opening'), 85, 'min_gripper_opening is 85.0; give'),
        (('reward', 'max_object_speed'), 'slow', r"max_object_speed is 'slow'; give a finite num"),
        (('reward', 'object'), 'pot', "object 'pot'; use one of the objects cup, rack"),
        (('reward', 'region', 'surface_height'), None, r'reward\.region\.surface_height is miss'),
        (('reward', 'region', 'polygon'), [[0, 0], [1, 1]], 'give 3 or more'),
        (('reward', 'region', 'enter_margin'), -0.01, 'enter_margin is -0.01; give 0 or more'),
        (('reward', 'region', 'enter_margin'), 0.5, r'enter_margin 0.5 m .* at most 0.0530 m'),
        (
            ('reward', 'region', 'polygon'),
            [[0, 0], [1, 0], [1, 1], [0, 0]],
            'corner twice in a row',
        ),
        (('camera', 'max_age'), None, r'task.yaml: camera\.max_age is missing'),
        (('objects',), [], r'objects is \[\]; give a list'),
        (('objects', 0, 'colour', 'hue'), [100, 200], r'hue is \(100, 200\); give 0 ... 179'),
        (('objects', 0, 'colour', 'hue'), 100, 'hue is 100; give a list of 2 numbers'),
        (('objects', 0, 'min_area_px'), 0, 'min_area_px is 0; give 1 or more'),
        (('objects', 0, 'contact_to_centre'), None, r'objects\.cup\.contact_to_centre is missing'),
        (('objects', 1, 'fixed'), 'yes please', 'give true or false'),
        (('objects', 1, 'name'), 'cup', "objects has 'cup' twice"),
        (('camera', 'table_points', 'pixels'), [[1, 2]], 'in pairs'),
        (('camera', 'table_points', 'pixels'), [[1, 2, 3]], r'pixels\[0\] is .* of 2 numbers'),
        (('camera', 'max_age'), 0.0, 'max_age is 0.0 s; give more than 0'),
        (('camera', 'position'), [1, 2], 'give a list of 3 numbers'),
        (('camera',), None, 'camera is missing'),
        (('camera',), 3, 'camera is 3; give a mapping'),
    ],
)
def test_a_wrong_key_is_named(change_task, keys, value, words):
    path = change_task(keys, value)
    with pytest.raises(ConfigError, match=words) as raised:
        FrameJudge.from_task_file(path)
    assert str(raised.value).count(str(path)) == 1


def test_region_is_where_it_says(cup_task):
    region = read_task(DetectorTask, cup_task).reward.region
    np.testing.assert_allclose(np.abs(region.corners), 0.053)
    assert region.surface_height == pytest.approx(0.020)
