# SPDX-License-Identifier: Apache-2.0
"""MuJoCo model of the station: the arm, a table, a cup, a drying rack and a camera."""

from importlib import resources
import math

import mujoco
import numpy as np

from widowx_sim import camera_geometry
from widowx_sim.task_scene import CameraScene, CupScene, RackScene, TaskScene

TIMESTEP_S = 0.0025
_TABLE_RGBA = (0.80, 0.78, 0.75, 1.0)
_FLOOR_RGBA = (0.34, 0.33, 0.33, 1.0)
_WHITE_RGBA = (0.93, 0.93, 0.93, 1.0)
_FRICTION = (1.0, 0.005, 0.0001)
_CUP_WALLS = 12
_CUP_FEET = 6
_FOOT_RADIUS_M = 0.002
_DOWEL_HEIGHT_M = 0.035


def build_model(task: TaskScene) -> mujoco.MjModel:
    """Compile the scene of a task.

    Args:
        task: what to build.

    Returns:
        Model whose world frame is base_link, with bodies `cup` and `rack`, site `ee_gripper` and
        the task's camera by its name.
    """
    arm = resources.files('widowx_sim').joinpath('models/wx250s.xml')
    spec = mujoco.MjSpec.from_string(arm.read_text(encoding='utf-8'))
    _set_options(spec)
    _set_visuals(spec, task.camera)
    _add_table(spec.worldbody)
    _add_rack(spec.worldbody, task.rack)
    _add_cup(spec.worldbody, task.cup)
    _add_camera(spec.worldbody, task.camera)
    return spec.compile()


def _set_options(spec: mujoco.MjSpec) -> None:
    # A pyramidal cone lets a held rim slip ten times as far; longer steps let it slip too.
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0


def _set_visuals(spec: mujoco.MjSpec, camera: CameraScene) -> None:
    # Software rendering: no multi-sampling and few facets, or a frame costs 40 ms instead of 4.
    visual = spec.visual
    visual.quality.offsamples = 0
    visual.quality.numslices = 16
    visual.quality.numstacks = 8
    visual.global_.offwidth = camera.width
    visual.global_.offheight = camera.height
    visual.headlight.ambient = [0.42, 0.42, 0.42]
    visual.headlight.diffuse = [0.25, 0.25, 0.25]
    visual.headlight.specular = [0.0, 0.0, 0.0]
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        castshadow=False,
        pos=[0.2, 0.6, 1.5],
        dir=[0.1, -0.45, -1.0],
        diffuse=[0.45, 0.45, 0.44],
        specular=[0.08, 0.08, 0.08],
    )


def _add_table(world: mujoco.MjsBody) -> None:
    world.add_geom(
        name='table',
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.40, 0.45, 0.02],
        pos=[0.22, 0.02, -0.02],
        rgba=_TABLE_RGBA,
        conaffinity=3,
        friction=_FRICTION,
        condim=4,
    )
    world.add_geom(
        name='floor',
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[3.0, 3.0, 0.1],
        pos=[0.0, 0.0, -0.7],
        rgba=_FLOOR_RGBA,
        conaffinity=3,
    )


def _add_rack(world: mujoco.MjsBody, rack: RackScene) -> None:
    """A slab with a rim of rods and a row of dowels along the edge towards the arm."""
    body = world.add_body(name='rack', pos=[*rack.position, 0.0])
    half_x, half_y = 0.5 * rack.size[0], 0.5 * rack.size[1]
    solid = {'conaffinity': 3, 'condim': 4, 'friction': _FRICTION}
    body.add_geom(
        name='rack_slab',
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


def _add_cup(world: mujoco.MjsBody, cup: CupScene) -> None:
    """A hollow cup, origin at the middle of its underside; one wall is painted white.

    It stands on six small feet: one contact each, where walls or a disc would cost several.
    """
    body = world.add_body(name='cup', pos=[0.3, 0.0, 0.0])
    body.add_freejoint(name='cup')
    solid = {'conaffinity': 3, 'condim': 4, 'friction': (1.0, 0.01, 0.0001)}
    inside = [0.55 * channel for channel in cup.rgba[:3]] + [1.0]
    body.add_geom(
        name='cup_floor',
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


def _add_camera(world: mujoco.MjsBody, camera: CameraScene) -> None:
    pose = camera_geometry.optical_pose(camera)
    # MuJoCo cameras look along -z with y up.
    rotation = pose[:3, :3] @ np.diag([1.0, -1.0, -1.0])
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rotation.reshape(9))
    world.add_camera(
        name=camera.name, pos=pose[:3, 3], quat=quaternion, fovy=math.degrees(camera.fovy)
    )
