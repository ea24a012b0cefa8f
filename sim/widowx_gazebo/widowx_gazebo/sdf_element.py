# SPDX-License-Identifier: Apache-2.0
"""Builds the pieces of SDF that a world is made of."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement


def numbers(*values: float) -> str:
    """Return numbers in SDF's form: rounded to 1e-9, at most seven digits."""
    return ' '.join(f'{round(value, 9) + 0.0:.7g}' for value in values)


def add_text(parent: Element, name: str, text: str) -> None:
    """Add a child element with a text."""
    SubElement(parent, name).text = text


def add_pose(
    parent: Element,
    position: Iterable[float],
    quaternion: Iterable[float],
    relative_to: str = '',
) -> None:
    """Add a pose.

    Args:
        parent: element that has the pose.
        position: (3,) [m].
        quaternion: (4,) w, x, y, z.
        relative_to: frame of the pose; empty for the parent's frame.
    """
    attributes = {'rotation_format': 'quat_xyzw'}
    if relative_to:
        attributes['relative_to'] = relative_to
    w, *xyz = quaternion
    SubElement(parent, 'pose', attributes).text = numbers(*position, *xyz, w)


def add_plugin(parent: Element, file: str, name: str, **texts: str) -> Element:
    """Add a system of Gazebo, with the elements that the system reads; return it."""
    names = {'filename': f'gz-sim-{file}-system', 'name': f'gz::sim::systems::{name}'}
    plugin = SubElement(parent, 'plugin', names)
    for key, text in texts.items():
        add_text(plugin, key, text)
    return plugin
