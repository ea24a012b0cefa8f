# SPDX-License-Identifier: Apache-2.0
"""Pieces of SDF that everything in a world is made of."""

from collections.abc import Sequence
import copy
from xml.etree.ElementTree import Element, SubElement


def numbers(values: Sequence[float]) -> str:
    """Return numbers as SDF writes them, to a tenth of a micrometre or microradian."""
    return ' '.join(f'{value + 0.0:.7g}' for value in values)


def add_text(parent: Element, name: str, text: str) -> None:
    """Add a child that holds a text."""
    SubElement(parent, name).text = text


def add_pose(parent: Element, pose: Sequence[float], relative_to: str = '') -> None:
    """Add a pose.

    Args:
        parent: what is there.
        pose: (6,) x y z [m], roll pitch yaw about fixed axes [rad].
        relative_to: frame; empty for the parent's.
    """
    attributes = {'relative_to': relative_to} if relative_to else {}
    SubElement(parent, 'pose', attributes).text = numbers(pose)


def add_shape(
    link: Element,
    name: str,
    pose: Sequence[float],
    geometry: Element,
    rgba: Sequence[float],
) -> None:
    """Add a shape that is seen and felt."""
    for kind in ('visual', 'collision'):
        shape = SubElement(link, kind, {'name': f'{name}_{kind}'})
        add_pose(shape, pose)
        shape.append(copy.deepcopy(geometry))
        if kind == 'visual':
            material = SubElement(shape, 'material')
            for light in ('ambient', 'diffuse'):
                add_text(material, light, numbers(rgba))


def box(size: Sequence[float]) -> Element:
    """Return a box of (3,) [m]."""
    geometry = Element('geometry')
    add_text(SubElement(geometry, 'box'), 'size', numbers(size))
    return geometry


def cylinder(radius: float, length: float) -> Element:
    """Return a cylinder along z [m]."""
    geometry = Element('geometry')
    shape = SubElement(geometry, 'cylinder')
    add_text(shape, 'radius', numbers([radius]))
    add_text(shape, 'length', numbers([length]))
    return geometry


def add_inertial(
    link: Element, mass: float, centre: Sequence[float], moments: Sequence[float]
) -> None:
    """Add mass [kg], centre of mass (3,) [m] and principal moments (3,) [kg m^2]."""
    inertial = SubElement(link, 'inertial')
    add_pose(inertial, [*centre, 0.0, 0.0, 0.0])
    add_text(inertial, 'mass', numbers([mass]))
    inertia = SubElement(inertial, 'inertia')
    for name, moment in zip(('ixx', 'iyy', 'izz'), moments, strict=True):
        add_text(inertia, name, numbers([moment]))
    for name in ('ixy', 'ixz', 'iyz'):
        add_text(inertia, name, '0')
