# SPDX-License-Identifier: Apache-2.0
"""The committed world against task file, URDF and the kinematics that the driver uses."""

from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest
import yaml

from widowx_driver.arm_model import ARM_JOINTS, END_EFFECTOR_SITE, JOINT_NAMES
from widowx_driver.kinematics import ForwardKinematics
from widowx_gazebo.arm_element import command_topic, DRIVEN_JOINTS
from widowx_gazebo.object_elements import object_element
from widowx_gazebo.station_world import station_world

PACKAGE = Path(__file__).parents[1]
BRINGUP = PACKAGE.parents[1] / 'ros2_ws/src/widowx_bringup'
URDF = BRINGUP / 'urdf/wx250s.urdf'
WORLD = PACKAGE / 'worlds/cup_to_rack.sdf'


@pytest.fixture
def task():
    path = BRINGUP / 'config/tasks/cup_to_rack.yaml'
    return yaml.safe_load(path.read_text(encoding='utf-8'))


@pytest.fixture
def world():
    return ElementTree.parse(WORLD).getroot().find('world')


def pose_of(element):
    pose = element.find('pose')
    return np.zeros(6) if pose is None else np.array(pose.text.split(), dtype=float)


def model(world, name):
    (found,) = [each for each in world.findall('model') if each.get('name') == name]
    return found


def rotation(axis, angle):
    """Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross


def sdf_pose(arm, name, angles):
    """Pose of a link, joint or frame of the arm (4, 4), by its `relative_to` and `attached_to`."""
    if name == 'base_link':
        return np.eye(4)
    (part,) = [each for each in arm if each.get('name') == name]
    pose = part.find('pose')
    above = part.get('attached_to') or pose.get('relative_to')
    assert not np.any(pose_of(part)[3:])
    step = np.eye(4)
    step[:3, 3] = pose_of(part)[:3]
    if name in angles:
        axis = np.array(part.find('axis/xyz').text.split(), dtype=float)
        step[:3, :3] = rotation(axis, angles[name])
    return sdf_pose(arm, above, angles) @ step


def test_the_committed_world_is_what_task_file_and_urdf_give(task):
    """Else run station_world.py again, as the README says."""
    assert WORLD.read_text(encoding='utf-8') == station_world(task, URDF)


@pytest.mark.parametrize('seed', range(10))
def test_urdf_in_mujoco_and_world_have_the_drivers_kinematics(world, seed):
    lower = [joint.lower_rad for joint in ARM_JOINTS]
    upper = [joint.upper_rad for joint in ARM_JOINTS]
    angles = np.random.default_rng(seed).uniform(lower, upper)
    expected = ForwardKinematics().pose(angles)

    kept = '<mujoco><compiler fusestatic="false"/></mujoco></robot>'
    text = URDF.read_text(encoding='utf-8').partition('?>')[2].replace('</robot>', kept)
    arm = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(arm)
    for name, angle in zip(JOINT_NAMES, angles, strict=True):
        data.joint(name).qpos[:] = angle
    mujoco.mj_kinematics(arm, data)
    body = data.body(END_EFFECTOR_SITE)
    np.testing.assert_allclose(body.xpos, expected.position, atol=1e-6)
    np.testing.assert_allclose(body.xmat.reshape(3, 3), expected.rotation, atol=1e-6)

    by_name = dict(zip(JOINT_NAMES, angles, strict=True))
    pose = sdf_pose(model(world, 'wx250s'), END_EFFECTOR_SITE, by_name)
    np.testing.assert_allclose(pose[:3, 3], expected.position, atol=1e-6)
    np.testing.assert_allclose(pose[:3, :3], expected.rotation, atol=1e-6)


def test_the_arm_stands_on_the_origin_and_nothing_in_it_is_massless(world):
    arm = model(world, 'wx250s')
    stand = next(joint for joint in arm.findall('joint') if joint.get('name') == 'stand')
    assert (stand.find('parent').text, stand.find('child').text) == ('world', 'base_link')
    assert not np.any(pose_of(arm))
    masses = [float(link.find('inertial/mass').text) for link in arm.findall('link')]
    assert sum(masses) == pytest.approx(2.13, abs=0.01)
    names = [part.get('name') for part in arm if part.tag in ('link', 'joint', 'frame')]
    assert len(names) == len(set(names))
    for joint in arm.findall('joint'):
        assert {joint.find('parent').text, joint.find('child').text} <= {*names, 'world'}


def test_the_camera_is_that_of_the_task_file(world, task):
    camera = model(world, 'camera')
    x, y, z, roll, pitch, yaw = pose_of(camera)
    forward = rotation((0, 0, 1), yaw) @ rotation((0, 1, 0), pitch) @ [1.0, 0.0, 0.0]
    wanted = np.array(task['camera']['look_at']) - task['camera']['position']
    np.testing.assert_allclose([x, y, z], task['camera']['position'])
    np.testing.assert_allclose(forward, wanted / np.linalg.norm(wanted), atol=1e-6)
    assert roll == 0.0
    lens = camera.find('link/sensor/camera')
    width, height = (int(lens.find(f'image/{side}').text) for side in ('width', 'height'))
    assert (width, height) == (task['camera']['width'], task['camera']['height'])
    focal_px = 0.5 * width / np.tan(0.5 * float(lens.find('horizontal_fov').text))
    assert focal_px == pytest.approx(0.5 * height / np.tan(0.5 * task['camera']['fovy']), rel=1e-6)
    assert lens.find('optical_frame_id').text == 'wx250s/camera_optical'


def test_table_cup_and_rack_are_those_of_the_task_file(world, task):
    scene = {thing['name']: thing for thing in task['scene']}
    top = model(world, 'table').find('link/collision')
    thickness = float(top.find('geometry/box/size').text.split()[2])
    assert pose_of(top)[2] + 0.5 * thickness == pytest.approx(0.0)

    rack = model(world, 'rack')
    np.testing.assert_allclose(pose_of(rack)[:2], scene['rack']['position'])
    slab = np.array(rack.find('link/collision/geometry/box/size').text.split(), dtype=float)
    np.testing.assert_allclose(slab, [*scene['rack']['size'], scene['rack']['height']])

    cup = model(world, 'cup')
    assert scene['cup']['x'][0] < pose_of(cup)[0] < scene['cup']['x'][1]
    assert scene['cup']['y'][0] < pose_of(cup)[1] < scene['cup']['y'][1]
    assert float(cup.find('link/inertial/mass').text) == scene['cup']['mass']
    for wall in cup.findall('link/collision')[1:]:
        middle = np.hypot(*pose_of(wall)[:2])
        size = np.array(wall.find('geometry/box/size').text.split(), dtype=float)
        assert middle + 0.5 * size[0] == pytest.approx(scene['cup']['radius'])
        assert size[2] == scene['cup']['height']


def test_every_topic_of_the_world_is_bridged_and_no_other(world):
    topics = {plugin.find('topic').text for plugin in world.iter('plugin') if len(plugin) > 1}
    sensor = world.find('.//sensor')
    topics |= {sensor.find('topic').text, sensor.find('camera/camera_info_topic').text}
    bridge = yaml.safe_load((PACKAGE / 'config/bridge.yaml').read_text(encoding='utf-8'))
    assert {entry['gz_topic_name'] for entry in bridge} == topics | {'clock'}
    for entry in bridge:
        if entry['direction'] == 'ROS_TO_GZ':
            joint = entry['ros_topic_name'].rpartition('/')[2]
            assert joint in DRIVEN_JOINTS
            assert entry['gz_topic_name'] == command_topic('wx250s', joint)
        elif entry['ros_topic_name'] != '/clock':
            assert entry['gz_topic_name'] == f'wx250s/{entry["ros_topic_name"]}'


def test_a_shape_that_is_not_made_is_named():
    with pytest.raises(ValueError, match='pan is a pot; for Gazebo there are: cup, rack'):
        object_element({'name': 'pan', 'shape': 'pot'})


def test_launch_file_names_files_that_are_installed(task):
    text = (PACKAGE / 'launch/gazebo.launch.yaml').read_text(encoding='utf-8')
    assert list(yaml.safe_load(text)) == ['launch']
    for folder, name in (('worlds', 'cup_to_rack.sdf'), ('config', 'bridge.yaml')):
        assert f'$(find-pkg-share widowx_gazebo)/{folder}/{name}' in text
        assert (PACKAGE / folder / name).is_file()
    assert task['robot'] in text
