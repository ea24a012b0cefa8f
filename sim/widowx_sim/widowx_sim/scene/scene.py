# SPDX-License-Identifier: Apache-2.0
"""Builds the MuJoCo model of the station: the arm, a table, the task's objects and a camera."""

from importlib import resources
import math

import mujoco
import numpy as np

from widowx_sim.scene import camera_geometry, wrist_camera
from widowx_sim.scene.object_geometry import add_object, FRICTION
from widowx_sim.scene.task_scene import CameraScene, TaskScene

TIMESTEP_S = 0.0025
_SOLREF = (2 * TIMESTEP_S, 1.0)
_SOLIMP = (0.95, 0.999, 0.001, 0.5, 2.0)
"""Contacts as hard as the time step allows. With MuJoCo's default the arm pushes a finger 8 mm
into the rim of a cup; the wall of 3 mm sticks in the finger, and an open gripper takes it away."""
_TABLE_RGBA = (0.80, 0.78, 0.75, 1.0)
_FLOOR_RGBA = (0.34, 0.33, 0.33, 1.0)


def build_model(task: TaskScene) -> mujoco.MjModel:
    """Compile the scene of a task.

    Args:
        task: scene and camera.

    Returns:
        Model whose world frame is base_link, with a body for each object of the scene, site
        `ee_gripper`, the task's camera and that of the wrist, all by their names.
    """
    arm = resources.files('widowx_sim').joinpath('models/wx250s.xml')
    spec = mujoco.MjSpec.from_string(arm.read_text(encoding='utf-8'))
    _set_options(spec)
    _set_visuals(spec, task.camera)
    _add_table(spec.worldbody)
    for name, thing in task.scene.items():
        add_object(spec.worldbody, name, thing)
    _add_camera(spec.worldbody, task.camera)
    wrist_camera.add_wrist_camera(spec.site('ee_gripper'))
    for geom in spec.geoms:
        geom.solref, geom.solimp = _SOLREF, _SOLIMP
    return spec.compile()


def _set_options(spec: mujoco.MjSpec) -> None:
    # With a pyramidal cone a held rim slips ten times as far; with longer steps it slips too.
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0


def _set_visuals(spec: mujoco.MjSpec, camera: CameraScene) -> None:
    # For rendering in software: with multi-sampling or many facets a frame costs 40 ms, not 4.
    visual = spec.visual
    visual.quality.offsamples = 0
    visual.quality.numslices = 16
    visual.quality.numstacks = 8
    visual.global_.offwidth = max(camera.width, wrist_camera.WIDTH)
    visual.global_.offheight = max(camera.height, wrist_camera.HEIGHT)
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
        friction=FRICTION,
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


def _add_camera(world: mujoco.MjsBody, camera: CameraScene) -> None:
    pose = camera_geometry.optical_pose(camera)
    # MuJoCo's cameras look along -z with y up.
    rotation = pose[:3, :3] @ np.diag([1.0, -1.0, -1.0])
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rotation.reshape(9))
    world.add_camera(
        name=camera.name, pos=pose[:3, 3], quat=quaternion, fovy=math.degrees(camera.fovy)
    )
