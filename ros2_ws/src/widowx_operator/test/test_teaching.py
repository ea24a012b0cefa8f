# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import yaml

from widowx_description.finger import FINGERTIP_M
from widowx_operator.gripper_pose import GripperPose
from widowx_operator.operator_task import load_operator_task
from widowx_operator.table_fit import TableFitError
from widowx_operator.teaching import Teaching, TeachingError

DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
MARKS = [(0.2, -0.1), (0.2, 0.1), (0.3, -0.1), (0.3, 0.1), (0.25, 0.0), (0.25, 0.1)]


def pose(x, y, z):
    return GripperPose(np.array([x, y, z]), DOWN)


@pytest.fixture
def teaching(task_file):
    return Teaching(load_operator_task(task_file))


def show_corners(teaching):
    for corner in ((0.18, 0.10, 0.20), (0.36, -0.22, 0.10), (0.30, 0.24, 0.025)):
        teaching.add_corner(pose(*corner))


def show_marks(teaching, marks=MARKS, shift=(0.0, 0.0)):
    """1 mm a pixel; the tip touches the table."""
    for number, (x, y) in enumerate(marks):
        teaching.touch(pose(x + shift[0] * (number == 4), y, FINGERTIP_M))
        teaching.give_pixel(300 - 1e3 * y, 600 - 1e3 * x)


def test_bounds_are_the_box_around_the_corners(teaching):
    show_corners(teaching)
    low, high = teaching.bounds()
    assert low.tolist() == [0.18, -0.22, 0.025]
    assert high.tolist() == [0.36, 0.24, 0.20]


def test_section_is_yaml_that_holds_what_was_shown(teaching):
    show_corners(teaching)
    show_marks(teaching)
    section = yaml.safe_load(teaching.section())
    assert section == {
        'workspace': {
            'low': [0.18, -0.22, 0.025],
            'high': [0.36, 0.24, 0.2],
            'max_tilt': 0.3,
            'max_yaw': 0.57,
        },
        'camera': {
            'table_points': {
                'pixels': [[300 - 1e3 * y, 600 - 1e3 * x] for x, y in MARKS],
                'points': [list(mark) for mark in MARKS],
            }
        },
    }
    assert 'residual mean 0.0 mm, worst 0.0 mm' in teaching.section()


def test_a_badly_touched_mark_is_named(teaching):
    show_marks(teaching, shift=(0.030, 0.0))
    (table,) = [line for line in teaching.report() if line.startswith('table')]
    assert 'worst' in table
    assert 'at mark 5' in table
    assert any('more than 5 mm' in line for line in teaching.report())


def test_four_marks_prove_nothing(teaching):
    show_marks(teaching, MARKS[:4])
    assert any('four marks always fit' in line for line in teaching.report())


def test_doubtful_heights_and_starts_are_told(teaching):
    teaching.add_corner(pose(0.1, 0.0, 0.010))
    teaching.add_corner(pose(0.2, 0.2, 0.15))
    teaching.touch(pose(0.2, 0.0, 0.05))
    report = '\n'.join(teaching.report())
    assert 'the fingertips, 16 mm lower, are in the table' in report
    assert 'start.position (0.280, 0.020, 0.180) m of the task file lies outside' in report
    teaching.undo()
    show_marks(teaching, MARKS[:5])
    teaching.touch(pose(0.25, 0.1, 0.05))
    teaching.give_pixel(200, 350)
    assert any('z = +0.034 m at mark 6' in line for line in teaching.report())


def test_undo_takes_back_the_newest(teaching):
    show_corners(teaching)
    teaching.touch(pose(0.2, 0.0, FINGERTIP_M))
    assert teaching.awaits_pixel
    assert 'touched mark' in teaching.undo()
    assert not teaching.awaits_pixel
    show_marks(teaching, MARKS[:1])
    assert 'mark is taken back' in teaching.undo()
    assert 'corner is taken back' in teaching.undo()
    assert teaching.bounds()[0].tolist() == [0.18, -0.22, 0.1]
    teaching.undo()
    teaching.undo()
    assert teaching.undo() == 'nothing to take back'


def test_what_cannot_be_written_says_what_to_show(teaching):
    with pytest.raises(TeachingError, match='0 corners'):
        teaching.section()
    teaching.add_corner(pose(0.2, 0.0, 0.1))
    teaching.add_corner(pose(0.3, 0.1, 0.1))
    with pytest.raises(TeachingError, match='0 mm along z'):
        teaching.section()
    teaching.add_corner(pose(0.3, 0.1, 0.2))
    with pytest.raises(TableFitError, match='0 marks'):
        teaching.section()


def test_senseless_pixels_are_refused(teaching):
    with pytest.raises(TeachingError, match='no mark waits'):
        teaching.give_pixel(1, 2)
    teaching.touch(pose(0.2, 0.0, FINGERTIP_M))
    with pytest.raises(TeachingError, match=r'\(640, 2\) is outside the 640x480 image'):
        teaching.give_pixel(640, 2)
    with pytest.raises(TeachingError, match='outside'):
        teaching.give_pixel(float('nan'), 2)
    assert teaching.awaits_pixel
