# SPDX-License-Identifier: Apache-2.0
"""Builds a URDF of the station around the arm: the table, and the camera of the task file."""

import math
from xml.etree.ElementTree import Element, indent, SubElement, tostring

from widowx_bringup.station_shapes import StationShapes, Vector3

TABLE_SIZE: Vector3 = (0.80, 0.90, 0.04)
"""Size of the simulated table [m]; a real one is larger or smaller."""
TABLE_CENTRE: Vector3 = (0.22, 0.02, -0.02)
"""Centre of the table in base_link [m], so that its top is z = 0."""
CAMERA_SIZE: Vector3 = (0.09, 0.025, 0.025)
"""Size of the camera's body behind the optical centre [m]: width, height, depth."""


def station_urdf(shapes: StationShapes) -> str:
    """Return the URDF of the station, whose root is the arm's base_link.

    Its links are the frames `base_link` and `<camera>_optical`, without the robot's prefix, as in
    the arm's own description.
    """
    camera = shapes.camera_frame.partition('/')[2]
    robot = Element('robot', {'name': 'station'})
    _add_box(SubElement(robot, 'link', {'name': 'base_link'}), TABLE_SIZE, TABLE_CENTRE, '0.8')
    behind = (0.0, 0.0, -0.5 * CAMERA_SIZE[2])
    _add_box(SubElement(robot, 'link', {'name': camera}), CAMERA_SIZE, behind, '0.2')
    mount = SubElement(robot, 'joint', {'name': 'camera_mount', 'type': 'fixed'})
    SubElement(mount, 'parent', {'link': 'base_link'})
    SubElement(mount, 'child', {'link': camera})
    x, _, z, w = shapes.camera_quaternion  # a yaw after a roll
    turn = (2.0 * math.atan2(x, w), 0.0, 2.0 * math.atan2(z, w))
    SubElement(mount, 'origin', {'xyz': _words(shapes.camera_position), 'rpy': _words(turn)})
    indent(robot)
    return tostring(robot, encoding='unicode')


def _add_box(link: Element, size: Vector3, centre: Vector3, grey: str) -> None:
    visual = SubElement(link, 'visual')
    SubElement(visual, 'origin', {'xyz': _words(centre)})
    SubElement(SubElement(visual, 'geometry'), 'box', {'size': _words(size)})
    material = SubElement(visual, 'material', {'name': f'grey_{grey}'})
    SubElement(material, 'color', {'rgba': f'{grey} {grey} {grey} 1'})


def _words(vector: Vector3) -> str:
    return ' '.join(f'{value:.6g}' for value in vector)
