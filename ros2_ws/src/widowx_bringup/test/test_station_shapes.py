# SPDX-License-Identifier: Apache-2.0
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from parl_files.config_file import ConfigError
from widowx_bringup.station_shapes import look_at_quaternion, read_station_shapes

TASK = Path(__file__).parents[1] / 'config/tasks/cup_to_rack.yaml'


def rotate(quaternion, vector):
    x, y, z, w = quaternion
    u, v = np.array([x, y, z]), np.array(vector)
    return 2 * (u @ v) * u + (w * w - u @ u) * v + 2 * w * np.cross(u, v)


def test_optical_frame_by_hand():
    """Looking along +x from the origin: right is -y, down is -z."""
    turn = look_at_quaternion((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    np.testing.assert_allclose(rotate(turn, [1, 0, 0]), [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(rotate(turn, [0, 1, 0]), [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(rotate(turn, [0, 0, 1]), [1, 0, 0], atol=1e-12)


def test_optical_axis_meets_the_point_looked_at_and_rows_are_level():
    camera = yaml.safe_load(TASK.read_text())['camera']
    position, look_at = tuple(camera['position']), tuple(camera['look_at'])
    turn = look_at_quaternion(position, look_at)
    assert math.hypot(*turn) == pytest.approx(1.0)
    ahead = np.subtract(look_at, position)
    np.testing.assert_allclose(rotate(turn, [0, 0, 1]), ahead / np.linalg.norm(ahead), atol=1e-12)
    right, down = rotate(turn, [1, 0, 0]), rotate(turn, [0, 1, 0])
    assert right[2] == pytest.approx(0.0, abs=1e-12)
    assert down[2] < 0.0


def test_box_has_twelve_edges_of_the_right_length():
    shapes = read_station_shapes(TASK)
    lengths = sorted(round(math.dist(*edge), 6) for edge in shapes.box_edges())
    assert lengths == [0.175] * 4 + [0.18] * 4 + [0.46] * 4
    assert shapes.base_frame == 'wx250s/base_link'
    assert shapes.camera_frame == 'wx250s/camera_optical'


@pytest.mark.parametrize('key', ['robot', 'workspace', 'camera'])
def test_missing_section_is_named(tmp_path, key):
    task = yaml.safe_load(TASK.read_text())
    del task[key]
    path = tmp_path / 'task.yaml'
    path.write_text(yaml.safe_dump(task))
    with pytest.raises(ConfigError, match=f'{path}: {key} is missing'):
        read_station_shapes(path)


@pytest.mark.parametrize(
    ('section', 'key', 'value', 'words'),
    [
        ('workspace', 'low', [0.1, math.nan, 0.0], r'workspace\.low\[1\] is nan; give a finite'),
        ('camera', 'name', 5, 'camera.name is 5; give a text'),
        ('camera', 'look_at', [0.74, 0.02, 0.0], 'camera: look_at lies straight below or above'),
    ],
)
def test_wrong_value_is_named(tmp_path, section, key, value, words):
    task = yaml.safe_load(TASK.read_text())
    task[section][key] = value
    path = tmp_path / 'task.yaml'
    path.write_text(yaml.safe_dump(task))
    with pytest.raises(ConfigError, match=f'{path}: {words}'):
        read_station_shapes(path)
