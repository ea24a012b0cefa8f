# SPDX-License-Identifier: Apache-2.0
"""Writes the Gazebo world of a task: arm, table, objects and camera from its task file."""

import argparse
from collections.abc import Mapping
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import yaml

from widowx_gazebo.arm_element import arm_element
from widowx_gazebo.object_elements import object_element
from widowx_gazebo.sdf_element import add_pose, add_shape, add_text, box, numbers

_SYSTEMS = {
    'physics': 'Physics',
    'scene-broadcaster': 'SceneBroadcaster',
    'sensors': 'Sensors',
    'user-commands': 'UserCommands',
}
_CAMERA_RATE_HZ = 20.0
_TABLE_SIZE, _TABLE_CENTRE = (0.80, 0.90, 0.04), (0.22, 0.02, -0.02)
_HEAD = '<?xml version="1.0"?>\n<!-- SPDX-License-Identifier: Apache-2.0 -->\n'


def station_world(task: Mapping[str, Any], urdf: Path) -> str:
    """Return the world as SDF text; its frame is base_link.

    Args:
        task: a task file's content.
        urdf: the arm.
    """
    robot = str(task['robot'])
    root = Element('sdf', {'version': '1.11'})
    world = SubElement(root, 'world', {'name': str(task['task'])})
    physics = SubElement(world, 'physics', {'name': 'fine', 'type': 'ignored'})
    add_text(physics, 'max_step_size', '0.001')
    add_text(physics, 'real_time_factor', '1.0')
    for file, name in _SYSTEMS.items():
        names = {'filename': f'gz-sim-{file}-system', 'name': f'gz::sim::systems::{name}'}
        plugin = SubElement(world, 'plugin', names)
        if file == 'sensors':
            add_text(plugin, 'render_engine', 'ogre2')
    world.append(_light())
    world.append(_table())
    world.append(arm_element(urdf, robot))
    for thing in task['scene']:
        world.append(object_element(thing))
    world.append(_camera(task['camera'], robot))
    ElementTree.indent(root)
    return _HEAD + ElementTree.tostring(root, encoding='unicode') + '\n'


def _light() -> Element:
    light = Element('light', {'name': 'lamp', 'type': 'directional'})
    add_pose(light, [0.2, 0.6, 1.5, 0.0, 0.0, 0.0])
    add_text(light, 'cast_shadows', 'false')
    add_text(light, 'diffuse', '0.8 0.8 0.8 1')
    add_text(light, 'direction', '0.1 -0.45 -1')
    return light


def _table() -> Element:
    model = Element('model', {'name': 'table'})
    add_text(model, 'static', 'true')
    link = SubElement(model, 'link', {'name': 'table'})
    top = [*_TABLE_CENTRE, 0.0, 0.0, 0.0]
    add_shape(link, 'top', top, box(_TABLE_SIZE), (0.80, 0.78, 0.75, 1.0))
    return model


def _camera(camera: Mapping[str, Any], robot: str) -> Element:
    """The fixed camera: looks along its x, z up, without roll."""
    position, look_at = camera['position'], camera['look_at']
    dx, dy, dz = (to - at for at, to in zip(position, look_at, strict=True))
    pitch, yaw = math.atan2(-dz, math.hypot(dx, dy)), math.atan2(dy, dx)
    name, width, height = str(camera['name']), int(camera['width']), int(camera['height'])
    model = Element('model', {'name': name})
    add_text(model, 'static', 'true')
    add_pose(model, [*position, 0.0, pitch, yaw])
    link = SubElement(model, 'link', {'name': name})
    sensor = SubElement(link, 'sensor', {'name': name, 'type': 'camera'})
    add_text(sensor, 'topic', f'{robot}/camera/color/image_raw')
    add_text(sensor, 'update_rate', numbers([_CAMERA_RATE_HZ]))
    add_text(sensor, 'always_on', 'true')
    lens = SubElement(sensor, 'camera', {'name': name})
    across = 2.0 * math.atan(math.tan(0.5 * camera['fovy']) * width / height)
    add_text(lens, 'horizontal_fov', numbers([across]))
    add_text(lens, 'camera_info_topic', f'{robot}/camera/color/camera_info')
    add_text(lens, 'optical_frame_id', f'{robot}/{name}_optical')
    image = SubElement(lens, 'image')
    add_text(image, 'width', str(width))
    add_text(image, 'height', str(height))
    add_text(image, 'format', 'R8G8B8')
    clip = SubElement(lens, 'clip')
    add_text(clip, 'near', '0.05')
    add_text(clip, 'far', '5')
    return model


def main() -> None:
    """Print the world of a task file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('task_file', type=Path)
    parser.add_argument('urdf', type=Path, help='wx250s.urdf of widowx_bringup')
    given = parser.parse_args()
    task = yaml.safe_load(given.task_file.read_text(encoding='utf-8'))
    print(station_world(task, given.urdf), end='')


if __name__ == '__main__':
    main()
