# SPDX-License-Identifier: Apache-2.0
"""Cup and rack of a task file's scene as SDF models, of the primitives of the MuJoCo station."""

from collections.abc import Mapping
import math
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from widowx_gazebo.sdf_element import (
    add_inertial,
    add_pose,
    add_shape,
    add_text,
    box,
    cylinder,
)

_WALLS = 12
_DOWELS = 6
_ROD_RADIUS_M = 0.004
_DOWEL_HEIGHT_M = 0.035
_WHITE = (0.93, 0.93, 0.93, 1.0)


def object_element(thing: Mapping[str, Any]) -> Element:
    """Return a model of one entry of the scene.

    Raises:
        ValueError: a shape that is not made here.
    """
    makers = {'cup': _cup, 'rack': _rack}
    if thing['shape'] not in makers:
        raise ValueError(
            f'{thing["name"]} is a {thing["shape"]}; for Gazebo there are: {", ".join(makers)}'
        )
    return makers[thing['shape']](thing)


def _cup(cup: Mapping[str, Any]) -> Element:
    """A hollow cup in the middle of where a reset puts it, origin at its underside."""
    place = [0.5 * sum(cup['x']), 0.5 * sum(cup['y'])]
    model, link = _model(cup['name'], [*place, 0.0], is_static=False)
    radius, height, wall, mass = (float(cup[key]) for key in ('radius', 'height', 'wall', 'mass'))
    across = 0.25 * mass * (radius**2 + (radius - wall) ** 2) + mass * height**2 / 12.0
    along = 0.5 * mass * (radius**2 + (radius - wall) ** 2)
    add_inertial(link, mass, [0.0, 0.0, 0.45 * height], [across, across, along])
    floor = cylinder(radius - 0.5 * wall, wall)
    add_shape(link, 'floor', [0.0, 0.0, 0.5 * wall, 0.0, 0.0, 0.0], floor, cup['rgba'])
    middle, width = radius - 0.5 * wall, 2.0 * radius * math.tan(math.pi / _WALLS)
    for index in range(_WALLS):
        angle = 2.0 * math.pi * index / _WALLS
        at = [middle * math.cos(angle), middle * math.sin(angle), 0.5 * height]
        colour = _WHITE if index == 0 else cup['rgba']
        side = box([wall, width, height])
        add_shape(link, f'wall_{index}', [*at, 0.0, 0.0, angle], side, colour)
    return model


def _rack(rack: Mapping[str, Any]) -> Element:
    """A slab with a rim of rods and a row of dowels along the edge towards the arm."""
    model, link = _model(rack['name'], [*rack['position'], 0.0], is_static=True)
    (size_x, size_y), height = rack['size'], float(rack['height'])
    slab = box([size_x, size_y, height])
    add_shape(link, 'slab', [0.0, 0.0, 0.5 * height, 0.0, 0.0, 0.0], slab, rack['rgba'])
    top, right = height + _ROD_RADIUS_M, 0.5 * math.pi
    for index, sign in enumerate((-1.0, 1.0)):
        along_x = [0.0, 0.5 * sign * size_y, top, 0.0, right, 0.0]
        along_y = [0.5 * sign * size_x, 0.0, top, right, 0.0, 0.0]
        add_shape(link, f'rod_x_{index}', along_x, cylinder(_ROD_RADIUS_M, size_x), rack['rgba'])
        add_shape(link, f'rod_y_{index}', along_y, cylinder(_ROD_RADIUS_M, size_y), rack['rgba'])
    length = height + _DOWEL_HEIGHT_M - top
    for index in range(_DOWELS):
        y = 0.425 * size_y * (2.0 * index / (_DOWELS - 1) - 1.0)
        at = [-0.5 * size_x, y, top + 0.5 * length, 0.0, 0.0, 0.0]
        add_shape(link, f'dowel_{index}', at, cylinder(_ROD_RADIUS_M, length), _WHITE)
    return model


def _model(name: str, place: list[float], is_static: bool) -> tuple[Element, Element]:
    model = Element('model', {'name': name})
    add_text(model, 'static', str(is_static).lower())
    add_pose(model, [*place, 0.0, 0.0, 0.0])
    return model, SubElement(model, 'link', {'name': name})
