# SPDX-License-Identifier: Apache-2.0
"""The station's description against the task file."""

from pathlib import Path
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import yaml

from widowx_bringup.station_shapes import read_station_shapes
from widowx_bringup.station_urdf import station_urdf

TASKS = Path(__file__).parents[1] / 'config/tasks'


def numbers(element, key):
    return np.array([float(word) for word in element.get(key).split()])


def rotation(roll_pitch_yaw):
    """Rz(yaw) Ry(pitch) Rx(roll), as URDF has it."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(roll_pitch_yaw), np.sin(roll_pitch_yaw)
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


@pytest.mark.parametrize('path', sorted(TASKS.glob('*.yaml')), ids=lambda path: path.stem)
def test_camera_is_where_the_task_file_has_it(path):
    camera = yaml.safe_load(path.read_text(encoding='utf-8'))['camera']
    root = ElementTree.fromstring(station_urdf(read_station_shapes(path)))
    (mount,) = root.findall('joint')
    assert mount.find('child').get('link') == f'{camera["name"]}_optical'
    origin = mount.find('origin')
    np.testing.assert_allclose(numbers(origin, 'xyz'), camera['position'], atol=1e-6)
    right, down, ahead = rotation(numbers(origin, 'rpy')).T
    way = np.subtract(camera['look_at'], camera['position'])
    np.testing.assert_allclose(ahead, way / np.linalg.norm(way), atol=1e-5)
    assert right[2] == pytest.approx(0.0, abs=1e-5)
    assert down[2] < 0.0


def test_table_top_is_the_plane_the_arm_stands_on_and_carries_the_workspace():
    shapes = read_station_shapes(TASKS / 'cup_to_rack.yaml')
    root = ElementTree.fromstring(station_urdf(shapes))
    base = next(link for link in root.findall('link') if link.get('name') == 'base_link')
    centre = numbers(base.find('visual/origin'), 'xyz')
    half = 0.5 * numbers(base.find('visual/geometry/box'), 'size')
    assert centre[2] + half[2] == pytest.approx(0.0)
    assert np.all(np.array(shapes.low[:2]) > (centre - half)[:2])
    assert np.all(np.array(shapes.high[:2]) < (centre + half)[:2])
