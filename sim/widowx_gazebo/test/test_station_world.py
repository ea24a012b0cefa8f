# SPDX-License-Identifier: Apache-2.0
"""The worlds of all task files against the MuJoCo station, shape by shape."""

from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest
import yaml

from widowx_description.arm import ARM_JOINTS
from widowx_description.kinematics import end_effector_pose
from widowx_gazebo.station_world import DRIVEN_JOINTS, station_world
from widowx_sim.scene import camera_geometry
from widowx_sim.scene.object_placement import draw_poses
from widowx_sim.scene.scene import build_model
from widowx_sim.scene.task_scene import load_task_scene

PACKAGE = Path(__file__).parents[1]
TASKS = PACKAGE.parents[1] / 'ros2_ws/src/widowx_bringup/config/tasks'
EXACT = {'atol': 1e-6, 'rtol': 1e-6}
EE_IN_GRIPPER_LINK_M = [0.093575, 0.0, 0.0]


@pytest.fixture(params=sorted(TASKS.glob('*.yaml')), ids=lambda path: path.stem)
def task(request):
    return load_task_scene(request.param)


@pytest.fixture
def world(task):
    return ElementTree.fromstring(station_world(task).encode()).find('world')


@pytest.fixture
def model(task):
    return build_model(task)


def floats(element, path):
    return np.array(element.findtext(path).split(), dtype=float)


def transform(element):
    """Pose of an element, (4, 4)."""
    found = element.find('pose')
    assert found.get('rotation_format') == 'quat_xyzw'
    x, y, z, qx, qy, qz, qw = (float(word) for word in found.text.split())
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, np.array([qw, qx, qy, qz]))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation.reshape(3, 3), [x, y, z]
    return pose


def moved(joint, value):
    """What a joint does to its child, (4, 4)."""
    axis, pose = floats(joint, 'axis/xyz'), np.eye(4)
    if joint.get('type') == 'prismatic':
        pose[:3, 3] = value * axis
        return pose
    assert joint.get('type') == 'revolute'
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    pose[:3, :3] += np.sin(value) * cross + (1.0 - np.cos(value)) * cross @ cross
    return pose


def link_poses(world, values):
    """Pose of each link by model and link, (4, 4), with the joints at these values by name."""
    poses = {}
    for element in world.findall('model'):
        start, links = transform(element), {}
        joints = {joint.findtext('child'): joint for joint in element.findall('joint')}
        for link in element.findall('link'):
            name = link.get('name')
            joint = joints.get(name)
            if joint is None or joint.get('type') == 'fixed':
                assert link.find('pose') is None
                links[name] = start
                continue
            parent = joint.findtext('parent')
            assert link.find('pose').get('relative_to') == parent
            step = transform(link) @ moved(joint, values[joint.get('name')])
            links[name] = links[parent] @ step
        poses |= {(element.get('name'), name): pose for name, pose in links.items()}
    return poses


def parts(world, model, task):
    """SDF link of each MuJoCo body: (body, model's name, link)."""
    found = []
    for body in range(model.nbody):
        root = model.body(int(model.body_rootid[body])).name
        of_model = {'world': 'table', 'base_link': task.robot}.get(root, root)
        of_link = model.body(body).name if body else 'base'
        (link,) = world.findall(f"model[@name='{of_model}']/link[@name='{of_link}']")
        found.append((body, of_model, link))
    return found


def halves(geometry):
    """Type and size of an SDF shape, as MuJoCo has them."""
    (shape,) = geometry
    if shape.tag == 'box':
        size = floats(shape, 'size') / 2
    elif shape.tag == 'plane':
        assert shape.findtext('normal') == '0 0 1'
        size = floats(shape, 'size') / 2
    elif shape.tag == 'sphere':
        size = floats(shape, 'radius')
    elif shape.tag == 'ellipsoid':
        size = floats(shape, 'radii')
    else:
        size = [floats(shape, 'radius')[0], floats(shape, 'length')[0] / 2]
    return getattr(mujoco.mjtGeom, f'mjGEOM_{shape.tag.upper()}'), size


def check_shape(element, link_pose, model, data, geom):
    kind, size = halves(element.find('geometry'))
    assert int(model.geom_type[geom]) == int(kind)
    np.testing.assert_allclose(size, model.geom_size[geom, : len(size)], **EXACT)
    pose = link_pose @ transform(element)
    np.testing.assert_allclose(pose[:3, 3], data.geom_xpos[geom], **EXACT)
    np.testing.assert_allclose(pose[:3, :3], data.geom_xmat[geom].reshape(3, 3), **EXACT)


def test_every_shape_of_the_mujoco_station_is_there_and_no_other(world, model, task):
    data = mujoco.MjData(model)
    random = np.random.default_rng(7)
    values = {name: random.uniform(*model.joint(name).range) for name in DRIVEN_JOINTS}
    for name, value in values.items():
        data.joint(name).qpos[:] = value
    for name, pose in draw_poses(task, np.random.default_rng(0)).items():
        data.joint(name).qpos[:] = pose
    mujoco.mj_kinematics(model, data)
    poses, seen = link_poses(world, values), 0
    for body, of_model, link in parts(world, model, task):
        collisions = {part.get('name'): part for part in link.findall('collision')}
        for index, visual in enumerate(link.findall('visual')):
            geom = int(model.body_geomadr[body]) + index
            shapes = [visual]
            if model.geom_contype[geom] or model.geom_conaffinity[geom]:
                shapes.append(collisions.pop(f'collision_{index}'))
            for shape in shapes:
                check_shape(shape, poses[of_model, link.get('name')], model, data, geom)
            for light in ('ambient', 'diffuse'):
                colour = floats(visual, f'material/{light}')
                np.testing.assert_allclose(colour, model.geom_rgba[geom], **EXACT)
            seen += 1
        assert not collisions
    assert seen == model.ngeom
    assert len(poses) == model.nbody + 1  # and the camera


def test_masses_are_those_of_the_mujoco_station(world, model, task):
    for body, of_model, link in parts(world, model, task):
        root = int(model.body_rootid[body])
        is_static = root != model.body('base_link').id and not model.body_jntnum[root]
        (element,) = world.findall(f"model[@name='{of_model}']")
        assert element.findtext('static') == str(is_static).lower()
        if is_static:
            continue
        assert floats(link, 'inertial/mass') == pytest.approx(model.body_mass[body])
        pose = transform(link.find('inertial'))
        np.testing.assert_allclose(pose[:3, 3], model.body_ipos[body], **EXACT)
        moments = [
            float(link.findtext(f'inertial/inertia/{name}')) for name in ('ixx', 'iyy', 'izz')
        ]
        np.testing.assert_allclose(moments, model.body_inertia[body], rtol=1e-6)
        rotation = np.zeros(9)
        mujoco.mju_quat2Mat(rotation, model.body_iquat[body])
        np.testing.assert_allclose(pose[:3, :3], rotation.reshape(3, 3), **EXACT)
        # The servos of the MuJoCo arm carry it without sagging.
        assert (link.findtext('gravity') == 'false') == bool(model.body_gravcomp[body])


def test_the_arm_has_the_described_kinematics_and_limits(world, task):
    (arm,) = world.findall(f"model[@name='{task.robot}']")
    joints = {joint.get('name'): joint for joint in arm.findall('joint')}
    assert set(joints) == {'stand', *DRIVEN_JOINTS}
    stand = joints['stand']
    assert (stand.findtext('parent'), stand.findtext('child')) == ('world', 'base_link')
    for joint in ARM_JOINTS:
        limit = joints[joint.name].find('axis/limit')
        assert floats(limit, 'lower') == pytest.approx(joint.lower_rad, abs=2e-5)
        assert floats(limit, 'upper') == pytest.approx(joint.upper_rad, abs=2e-5)
        assert floats(limit, 'velocity') == pytest.approx(np.pi)
    for name in ('left_finger', 'right_finger'):
        assert floats(joints[name], 'axis/limit/effort') == 35.0  # one servo in MuJoCo
    random = np.random.default_rng(3)
    for _ in range(10):
        angles = random.uniform(
            [joint.lower_rad for joint in ARM_JOINTS], [joint.upper_rad for joint in ARM_JOINTS]
        )
        values = dict(zip(DRIVEN_JOINTS, [*angles, 0.02, -0.02], strict=True))
        pose = link_poses(world, values)[task.robot, 'gripper_link']
        expected, rotation = end_effector_pose(angles)
        position = pose[:3, :3] @ EE_IN_GRIPPER_LINK_M + pose[:3, 3]
        np.testing.assert_allclose(position, expected, atol=1e-6)
        np.testing.assert_allclose(pose[:3, :3], rotation, atol=1e-6)


def test_a_controller_begins_where_its_joint_can_be(world):
    controllers = [p for p in world.iter('plugin') if 'PositionController' in p.get('name')]
    begin = {p.findtext('joint_name'): float(p.findtext('initial_position')) for p in controllers}
    assert begin == dict.fromkeys(DRIVEN_JOINTS, 0.0) | {
        'left_finger': 0.010,
        'right_finger': -0.010,
    }


def test_the_camera_is_that_of_the_task_file(world, task):
    (camera,) = world.findall(f"model[@name='{task.camera.name}']")
    pose, optical = transform(camera), camera_geometry.optical_pose(task.camera)
    # x of a Gazebo camera is its optical axis, y points left, z up.
    axes = np.column_stack([optical[:3, 2], -optical[:3, 0], -optical[:3, 1]])
    np.testing.assert_allclose(pose[:3, :3], axes, atol=1e-6)
    np.testing.assert_allclose(pose[:3, 3], task.camera.position)
    lens = camera.find('link/sensor/camera')
    width, height = (int(lens.findtext(f'image/{side}')) for side in ('width', 'height'))
    assert (width, height) == (task.camera.width, task.camera.height)
    focal_px = 0.5 * width / np.tan(0.5 * float(lens.findtext('horizontal_fov')))
    assert focal_px == pytest.approx(0.5 * height / np.tan(0.5 * task.camera.fovy), rel=1e-6)
    assert lens.findtext('optical_frame_id') == 'wx250s/camera_optical'


def test_siblings_have_names_of_their_own(world):
    """SDF wants that, of links, joints, visuals and collisions alike."""
    for parent in world.iter():
        names = [part.get('name') for part in parent if part.tag != 'plugin' and part.get('name')]
        assert len(names) == len(set(names))


def test_every_topic_of_the_world_is_bridged_and_no_other(world):
    topics = {topic.text for topic in world.iter('topic')}
    topics.add(world.findtext('.//camera_info_topic'))
    bridge = yaml.safe_load((PACKAGE / 'config/bridge.yaml').read_text(encoding='utf-8'))
    assert {entry['gz_topic_name'] for entry in bridge} == topics | {'clock'}
    for entry in bridge:
        name = entry['ros_topic_name']
        is_command = name.rpartition('/')[2] in DRIVEN_JOINTS
        assert entry['direction'] == ('ROS_TO_GZ' if is_command else 'GZ_TO_ROS')
        if name != '/clock':
            assert entry['gz_topic_name'] == f'wx250s/{name}'
