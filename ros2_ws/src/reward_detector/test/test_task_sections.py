# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from reward_detector.frame_judge import FrameJudge
from reward_detector.task_section import base_frame, read_task_file, TaskFileError


def test_the_real_task_file_is_accepted(cup_task):
    judge = FrameJudge.from_task_file(cup_task)
    assert judge.camera.homography.residuals_mm.max() < 1.0
    assert base_frame(read_task_file(cup_task), cup_task) == 'wx250s/base_link'


@pytest.mark.parametrize(
    ('keys', 'value', 'words'),
    [
        (('reward', 'min_frames'), None, r'reward\.min_frames is missing'),
        (('reward', 'min_framess'), 3, r'unknown key reward\.min_framess'),
        (('reward', 'min_frames'), 0, 'min_frames 0 must be 1 or more'),
        (('reward', 'min_gripper_opening'), 85, 'min_gripper_opening 85.0 is outside'),
        (('reward', 'max_object_speed'), 'slow', r"max_object_speed must be a number, got 'slow'"),
        (('reward', 'object'), 'pot', r"object 'pot'; objects are \['cup', 'rack'\]"),
        (('reward', 'region', 'surface_height'), None, r'reward\.region\.surface_height is miss'),
        (('reward', 'region', 'polygon'), [[0, 0], [1, 1]], 'give 3 or more'),
        (('reward', 'region', 'enter_margin'), -0.01, 'enter_margin -0.01 must be 0 or more'),
        (('reward', 'region', 'enter_margin'), 0.5, r'enter_margin 0.5 m .* at most 0.0530 m'),
        (
            ('reward', 'region', 'polygon'),
            [[0, 0], [1, 0], [1, 1], [0, 0]],
            'corner twice in a row',
        ),
        (('camera', 'max_age'), None, r'task.yaml: key camera\.max_age is missing'),
        (('objects',), [], 'objects must be a list'),
        (('objects', 0, 'colour', 'hue'), [100, 200], 'outside 0 ... 179'),
        (('objects', 0, 'colour', 'hue'), 100, r'hue must be \[first, last\]'),
        (('objects', 0, 'min_area_px'), 0, 'must be 1 or more'),
        (('objects', 0, 'contact_to_centre'), None, r'objects\[0\]\.contact_to_centre is missing'),
        (('objects', 1, 'fixed'), 'yes please', 'must be true or false'),
        (('objects', 1, 'name'), 'cup', 'a name twice'),
        (('camera', 'table_points', 'pixels'), [], 'in pairs'),
        (('camera', 'max_age'), 0.0, 'max_age 0.0 s must be positive'),
        (('camera', 'position'), [1, 2], 'must be three numbers'),
        (('camera',), None, 'camera must be a mapping'),
    ],
)
def test_a_wrong_key_is_named(change_task, keys, value, words):
    path = change_task(keys, value)
    with pytest.raises(TaskFileError, match=words) as raised:
        FrameJudge.from_task_file(path)
    assert str(raised.value).count(str(path)) == 1


def test_unreadable_files(tmp_path):
    with pytest.raises(TaskFileError, match=r'absent\.yaml.*give the path of a readable task'):
        read_task_file(tmp_path / 'absent.yaml')
    (tmp_path / 'broken.yaml').write_text('a: [1, 2', encoding='utf-8')
    with pytest.raises(TaskFileError, match=r'(?s)broken\.yaml.*give the path of a readable task'):
        read_task_file(tmp_path / 'broken.yaml')
    (tmp_path / 'latin.yaml').write_bytes(b'robot: Ger\xe4t')
    with pytest.raises(TaskFileError, match=r'latin\.yaml.*saved as UTF-8'):
        read_task_file(tmp_path / 'latin.yaml')
    with pytest.raises(TaskFileError, match='parameter task_file is empty'):
        read_task_file('')
    with pytest.raises(TaskFileError, match='key robot must name'):
        base_frame({}, 'x.yaml')


def test_region_is_where_it_says(cup_task):
    from reward_detector.reward_rule import reward_rule

    rule = reward_rule(read_task_file(cup_task), cup_task)
    np.testing.assert_allclose(np.abs(rule.polygon), 0.053)
    assert rule.surface_height == pytest.approx(0.020)
