# SPDX-License-Identifier: Apache-2.0
"""The robot description against the arm's published product-of-exponentials description."""

from pathlib import Path
import xml.etree.ElementTree as ElementTree

import numpy as np
from published_arm import exponential, HOME, published_pose
import pytest

URDF = Path(__file__).parents[1] / 'urdf/wx250s.urdf'
ARM_JOINTS = ('waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate')


def read_joints():
    joints = ElementTree.parse(URDF).getroot().findall('joint')
    return {joint.find('child').get('link'): joint for joint in joints}


def vector(element, default):
    return np.array([float(word) for word in (default if element is None else element).split()])


def chain_pose(angles):
    """Walks the URDF from ee_gripper_link up to base_link."""
    position = dict(zip(ARM_JOINTS, angles, strict=True))
    joints, link, pose = read_joints(), 'ee_gripper_link', np.eye(4)
    while link in joints:
        joint = joints[link]
        origin, axis = joint.find('origin'), joint.find('axis')
        step = np.eye(4)
        step[:3, 3] = vector(None if origin is None else origin.get('xyz'), '0 0 0')
        assert origin is None or origin.get('rpy') is None
        if joint.get('name') in position:
            screw = np.concatenate([vector(axis.get('xyz'), ''), np.zeros(3)])
            step = step @ exponential(screw, position.pop(joint.get('name')))
        pose, link = step @ pose, joint.find('parent').get('link')
    assert link == 'base_link'
    assert not position, f'joints not on the way to the gripper: {sorted(position)}'
    return pose


def test_home_pose():
    np.testing.assert_allclose(chain_pose(np.zeros(6)), HOME, atol=1e-6)


@pytest.mark.parametrize('seed', range(20))
def test_forward_kinematics_matches_screw_axes(seed):
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, 6)
    np.testing.assert_allclose(chain_pose(angles), published_pose(angles), atol=1e-6)


def test_limits_of_the_arm():
    limits = {
        joint.get('name'): tuple(
            float(joint.find('limit').get(key)) for key in ('lower', 'upper', 'velocity')
        )
        for joint in read_joints().values()
        if joint.get('type') in ('revolute', 'prismatic')
    }
    full_turn = np.pi - 1e-5
    for name, lower, upper, velocity in (
        ('waist', -full_turn, full_turn, np.pi),
        ('shoulder', np.radians(-108), np.radians(114), np.pi),
        ('elbow', np.radians(-123), np.radians(92), np.pi),
        ('forearm_roll', -full_turn, full_turn, np.pi),
        ('wrist_angle', np.radians(-100), np.radians(123), np.pi),
        ('wrist_rotate', -full_turn, full_turn, np.pi),
        ('left_finger', 0.010, 0.037, 1.0),
        ('right_finger', -0.037, -0.010, 1.0),
    ):
        np.testing.assert_allclose(limits[name], (lower, upper, velocity), atol=1e-5)


def test_every_joint_joins_links_that_exist():
    root = ElementTree.parse(URDF).getroot()
    links = {link.get('name') for link in root.findall('link')}
    joints = read_joints()
    assert links - set(joints) == {'base_link'}
    assert {joint.find('parent').get('link') for joint in joints.values()} <= links
