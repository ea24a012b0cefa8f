# SPDX-License-Identifier: Apache-2.0
"""Builds the Gazebo world of a task: arm, table, objects and camera of the MuJoCo station."""

import math
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import mujoco
import numpy as np

from widowx_gazebo.body_element import body_element
from widowx_gazebo.sdf_element import add_plugin, add_pose, add_text, numbers
from widowx_sim.scene import camera_geometry
from widowx_sim.scene.object_placement import draw_poses
from widowx_sim.scene.scene import build_model
from widowx_sim.scene.task_scene import CameraScene, TaskScene
from widowx_sim.servos.wx250s import ARM_JOINTS

WORLD = 'station'
DRIVEN_JOINTS = (*ARM_JOINTS, 'left_finger', 'right_finger')
"""Each finger has its own drive: not every physics engine can make one mimic the other."""

_STATE_RATE_HZ = 100
_CAMERA_RATE_HZ = 20
_STEP_S = 0.005
"""Physics step, two for each set-point. A joint reaches a set-point in as few steps as its speed
allows, then stands still until the next one: shorter steps would shake a held object."""


def station_world(task: TaskScene) -> str:
    """Return the world as SDF text, in the frame base_link, with the objects of reset seed 0."""
    model = build_model(task)
    poses = draw_poses(task, np.random.default_rng(0))
    root = Element('sdf', {'version': '1.11'})
    world = SubElement(root, 'world', {'name': WORLD})
    physics = SubElement(world, 'physics', {'name': 'physics', 'type': 'ignored'})
    add_text(physics, 'max_step_size', numbers(_STEP_S))
    add_text(physics, 'real_time_factor', '1')
    add_plugin(world, 'physics', 'Physics')
    add_plugin(world, 'scene-broadcaster', 'SceneBroadcaster')
    add_plugin(world, 'sensors', 'Sensors', render_engine='ogre2')
    add_plugin(world, 'user-commands', 'UserCommands')
    world.append(_light(model))
    names = {'world': 'table', 'base_link': task.robot}
    for body in np.flatnonzero(model.body_parentid == 0).tolist():
        name = str(model.body(body).name)
        start = poses.get(name, np.append(model.body_pos[body], model.body_quat[body]))
        element = body_element(model, body, names.get(name, name), start)
        if name == 'base_link':
            _add_drives(element, model, task.robot)
        world.append(element)
    world.append(_camera(task.camera, task.robot))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='unicode') + '\n'


def _add_drives(arm: Element, model: mujoco.MjModel, robot: str) -> None:
    states = add_plugin(
        arm,
        'joint-state-publisher',
        'JointStatePublisher',
        topic=f'{robot}/gazebo/joint_states',
        update_rate=str(_STATE_RATE_HZ),
    )
    speeds = {part.get('name'): part.findtext('axis/limit/velocity') for part in arm.iter('joint')}
    for name in DRIVEN_JOINTS:
        add_text(states, 'joint_name', name)
        add_plugin(
            arm,
            'joint-position-controller',
            'JointPositionController',
            joint_name=name,
            topic=f'{robot}/gazebo/{name}',
            # The model begins at joint position 0, which the fingers cannot have.
            initial_position=numbers(np.clip(0.0, *model.joint(name).range)),
            # The joint follows exactly, up to its speed, so there are no gains to tune.
            use_velocity_commands='true',
            cmd_max=str(speeds[name]),
        )


def _light(model: mujoco.MjModel) -> Element:
    light = Element('light', {'name': 'lamp', 'type': 'directional'})
    add_pose(light, model.light_pos[0], [1.0, 0.0, 0.0, 0.0])
    add_text(light, 'cast_shadows', 'false')
    # Brighter than in MuJoCo, where the camera has a second light.
    add_text(light, 'diffuse', '0.8 0.8 0.8 1')
    add_text(light, 'direction', numbers(*model.light_dir[0]))
    return light


def _camera(camera: CameraScene, robot: str) -> Element:
    """Return the fixed camera; Gazebo's cameras look along their x axis, with z up."""
    optical = camera_geometry.optical_pose(camera)
    right, down, forward = optical[:3, :3].T
    quaternion = np.zeros(4)
    rotation = np.column_stack([forward, -right, -down])
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(rotation).reshape(9))
    model = Element('model', {'name': camera.name})
    add_text(model, 'static', 'true')
    add_pose(model, camera.position, quaternion.tolist())
    link = SubElement(model, 'link', {'name': camera.name})
    sensor = SubElement(link, 'sensor', {'name': camera.name, 'type': 'camera'})
    add_text(sensor, 'topic', f'{robot}/camera/color/image_raw')
    add_text(sensor, 'update_rate', str(_CAMERA_RATE_HZ))
    add_text(sensor, 'always_on', 'true')
    lens = SubElement(sensor, 'camera', {'name': camera.name})
    across = 2.0 * math.atan(math.tan(0.5 * camera.fovy) * camera.width / camera.height)
    add_text(lens, 'horizontal_fov', numbers(across))
    add_text(lens, 'camera_info_topic', f'{robot}/camera/color/camera_info')
    add_text(lens, 'optical_frame_id', f'{robot}/{camera.name}_optical')
    image = SubElement(lens, 'image')
    add_text(image, 'width', str(camera.width))
    add_text(image, 'height', str(camera.height))
    add_text(image, 'format', 'R8G8B8')
    clip = SubElement(lens, 'clip')
    add_text(clip, 'near', '0.05')
    add_text(clip, 'far', '5')
    return model
