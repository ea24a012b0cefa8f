# SPDX-License-Identifier: Apache-2.0
"""Builds the shapes of a scene as MuJoCo bodies: primitives that friction holds in a grasp."""

from collections.abc import Callable
import itertools
import math
from typing import Any

import mujoco
import numpy as np

from widowx_sim.scene.scene_object import Cup, Plate, Pot, Rack, SceneObject, Sink, Vegetable

FRICTION = (1.0, 0.005, 0.0001)
_GRIPPED = (1.0, 0.01, 0.0001)
# A smooth body with one point of contact needs friction against spinning and rolling.
_ROLLING = (1.0, 0.02, 0.0015)
_WHITE_RGBA = (0.93, 0.93, 0.93, 1.0)
_CUP_WALLS = 12
_CUP_FEET = 6
_FOOT_RADIUS_M = 0.002
_DOWEL_HEIGHT_M = 0.035
_PLATE_RIM_PARTS = 24
_PLATE_RIM_RADIUS_M = 0.004


def add_object(world: mujoco.MjsBody, name: str, thing: SceneObject) -> None:
    """Add the body of a shape to the world under a name."""
    _BUILDERS[type(thing)](world, name, thing)


def _add_rack(world: mujoco.MjsBody, name: str, rack: Rack) -> None:
    """Add a slab with a rim of rods and a row of dowels along the edge towards the arm."""
    body = world.add_body(name=name, pos=[*rack.position, 0.0])
    half_x, half_y = 0.5 * rack.size[0], 0.5 * rack.size[1]
    solid = {'conaffinity': 3, 'condim': 4, 'friction': FRICTION}
    body.add_geom(
        name=f'{name}_slab',
        type=mujoco.mjtGeom.mjGEOM_BOX,
        rgba=rack.rgba,
        size=[half_x, half_y, 0.5 * rack.height],
        pos=[0.0, 0.0, 0.5 * rack.height],
        **solid,
    )
    rod, top = 0.004, rack.height + 0.004
    darker = [0.62 * channel for channel in rack.rgba[:3]] + [1.0]
    for sign in (-1.0, 1.0):
        ends_x = [-half_x, sign * half_y, top, half_x, sign * half_y, top]
        ends_y = [sign * half_x, -half_y, top, sign * half_x, half_y, top]
        for ends in (ends_x, ends_y):
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                fromto=ends,
                size=[rod, 0.0, 0.0],
                rgba=rack.rgba,
                **solid,
            )
    for y in np.linspace(-0.72 * half_y, 0.72 * half_y, 6):
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.92 * half_x, 0.003, 0.0003],
            pos=[0.0, y, rack.height + 0.0002],
            rgba=darker,
            contype=0,
            conaffinity=0,
        )
    for y in np.linspace(-0.85 * half_y, 0.85 * half_y, 6):
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            size=[rod, 0.0, 0.0],
            fromto=[-half_x, y, top, -half_x, y, rack.height + _DOWEL_HEIGHT_M],
            rgba=_WHITE_RGBA,
            **solid,
        )


def _add_sink(world: mujoco.MjsBody, name: str, sink: Sink) -> None:
    body = world.add_body(name=name, pos=[*sink.position, 0.0])
    half_x, half_y, half_wall = 0.5 * sink.size[0], 0.5 * sink.size[1], 0.5 * sink.wall
    out_x, out_y = half_x + half_wall, half_y + half_wall
    parts = [([half_x, half_y, 0.5 * sink.height], [0.0, 0.0, 0.5 * sink.height])]
    for sign in (-1.0, 1.0):
        middle = 0.5 * sink.rim
        parts.append(([half_wall, half_y + sink.wall, middle], [sign * out_x, 0.0, middle]))
        parts.append(([half_x, half_wall, middle], [0.0, sign * out_y, middle]))
    for size, place in parts:
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=size,
            pos=place,
            rgba=sink.rgba,
            conaffinity=3,
            condim=4,
            friction=FRICTION,
        )


def _add_plate(world: mujoco.MjsBody, name: str, plate: Plate) -> None:
    body = world.add_body(name=name, pos=[*plate.position, 0.0])
    solid: dict[str, Any] = {'conaffinity': 3, 'condim': 4, 'friction': FRICTION}
    rim = plate.radius + _PLATE_RIM_RADIUS_M
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[rim, 0.5 * plate.height, 0.0],
        pos=[0.0, 0.0, 0.5 * plate.height],
        rgba=plate.rgba,
        **solid,
    )
    angles = np.linspace(0.0, 2.0 * np.pi, _PLATE_RIM_PARTS + 1)
    corners = np.c_[rim * np.cos(angles), rim * np.sin(angles), np.full(angles.size, plate.height)]
    for start, end in itertools.pairwise(corners):
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            size=[_PLATE_RIM_RADIUS_M, 0.0, 0.0],
            fromto=[*start, *end],
            rgba=plate.rgba,
            **solid,
        )


def _add_vegetable(world: mujoco.MjsBody, name: str, vegetable: Vegetable) -> None:
    body = world.add_body(name=name, pos=[0.3, 0.0, 0.0])
    body.add_freejoint(name=name)
    half = 0.5 * vegetable.thickness
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_ELLIPSOID,
        size=[0.5 * vegetable.length, half, half],
        mass=vegetable.mass,
        rgba=vegetable.rgba,
        conaffinity=3,
        condim=6,
        friction=_ROLLING,
    )


def _add_cup(world: mujoco.MjsBody, name: str, cup: Cup) -> None:
    """Add a hollow cup, origin at the middle of its underside; one wall is painted white.

    It stands on six small feet with one contact each; walls or a disc would have several.
    """
    body = world.add_body(name=name, pos=[0.3, 0.0, 0.0])
    body.add_freejoint(name=name)
    solid = {'conaffinity': 3, 'condim': 4, 'friction': _GRIPPED}
    inside = [0.55 * channel for channel in cup.rgba[:3]] + [1.0]
    body.add_geom(
        name=f'{name}_floor',
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        rgba=inside,
        size=[cup.radius - 0.5 * cup.wall, 0.5 * cup.wall, 0.0],
        pos=[0.0, 0.0, _FOOT_RADIUS_M + 0.5 * cup.wall],
        mass=0.16 * cup.mass,
        **solid,
    )
    half_height = 0.5 * (cup.height - _FOOT_RADIUS_M)
    middle = cup.radius - 0.5 * cup.wall
    for index in range(_CUP_WALLS):
        angle = 2.0 * math.pi * index / _CUP_WALLS
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            mass=0.8 * cup.mass / _CUP_WALLS,
            size=[0.5 * cup.wall, cup.radius * math.tan(math.pi / _CUP_WALLS), half_height],
            pos=[middle * math.cos(angle), middle * math.sin(angle), _FOOT_RADIUS_M + half_height],
            quat=[math.cos(0.5 * angle), 0.0, 0.0, math.sin(0.5 * angle)],
            rgba=_WHITE_RGBA if index == 0 else cup.rgba,
            **solid,
        )
    for index in range(_CUP_FEET):
        angle = 2.0 * math.pi * index / _CUP_FEET
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[_FOOT_RADIUS_M, 0.0, 0.0],
            pos=[middle * math.cos(angle), middle * math.sin(angle), _FOOT_RADIUS_M],
            mass=0.04 * cup.mass / _CUP_FEET,
            rgba=inside,
            **solid,
        )


def _add_pot(world: mujoco.MjsBody, name: str, pot: Pot) -> None:
    body = world.add_body(name=name, pos=[0.3, 0.0, 0.0])
    body.add_freejoint(name=name)
    solid = {'conaffinity': 3, 'condim': 4, 'friction': _GRIPPED}
    half, half_knob = 0.5 * pot.height, 0.5 * pot.knob_height
    dark = [0.10, 0.10, 0.10, 1.0]
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[pot.radius, half, 0.0],
        pos=[0.0, 0.0, half],
        mass=0.9 * pot.mass,
        rgba=pot.rgba,
        **solid,
    )
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[pot.knob_radius, half_knob, 0.0],
        pos=[0.0, 0.0, pot.height + half_knob],
        mass=0.06 * pot.mass,
        rgba=dark,
        **solid,
    )
    for sign in (-1.0, 1.0):
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.006, 0.009, 0.003],
            pos=[sign * (pot.radius + 0.006), 0.0, 0.75 * pot.height],
            mass=0.02 * pot.mass,
            rgba=dark,
            **solid,
        )


_BUILDERS: dict[type, Callable[[mujoco.MjsBody, str, Any], object]] = {
    Cup: _add_cup,
    Pot: _add_pot,
    Vegetable: _add_vegetable,
    Rack: _add_rack,
    Sink: _add_sink,
    Plate: _add_plate,
}
