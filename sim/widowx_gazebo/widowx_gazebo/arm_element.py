# SPDX-License-Identifier: Apache-2.0
"""The arm's URDF as an SDF model that stands on the world's origin and takes joint positions."""

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from widowx_gazebo.sdf_element import add_inertial, add_pose, add_shape, add_text, numbers

DRIVEN_JOINTS = (
    'waist',
    'shoulder',
    'elbow',
    'forearm_roll',
    'wrist_angle',
    'wrist_rotate',
    'left_finger',
    'right_finger',
)
_GREY = (0.3, 0.3, 0.32, 1.0)
_SDF_TYPES = {'revolute': 'revolute', 'continuous': 'continuous', 'prismatic': 'prismatic'}


def arm_element(urdf: Path, robot: str) -> Element:
    """Return the arm as a model.

    Links without mass become frames: Gazebo would give them 1 kg. Fingers are driven one by one,
    because not every physics engine knows how to make one mimic the other.

    Args:
        urdf: with joint origins that are not rotated, as wx250s.urdf.
        robot: name of the model and prefix of its topics.
    """
    root = ElementTree.parse(urdf).getroot()
    model = Element('model', {'name': robot})
    parents = {_named(joint, 'child'): joint for joint in root.findall('joint')}
    for link in root.findall('link'):
        _add_link(model, link, parents.get(str(link.get('name'))))
    for joint in root.findall('joint'):
        if joint.get('type') != 'fixed':
            _add_joint(model, joint)
    held = SubElement(model, 'joint', {'name': 'stand', 'type': 'fixed'})
    add_text(held, 'parent', 'world')
    add_text(held, 'child', 'base_link')
    _add_plugins(model, root, robot)
    return model


def _add_link(model: Element, link: Element, joint: Element | None) -> None:
    name = str(link.get('name'))
    inertial = link.find('inertial')
    if inertial is None:
        assert joint is not None, 'the base has a mass'
        frame = SubElement(model, 'frame', {'name': name, 'attached_to': _named(joint, 'parent')})
        add_pose(frame, _pose(joint))
        return
    part = SubElement(model, 'link', {'name': name})
    if joint is not None and joint.get('type') == 'fixed':
        add_pose(part, _pose(joint), _named(joint, 'parent'))
        rigid = SubElement(model, 'joint', {'name': str(joint.get('name')), 'type': 'fixed'})
        add_text(rigid, 'parent', _named(joint, 'parent'))
        add_text(rigid, 'child', name)
    elif joint is not None:
        add_pose(part, [0.0] * 6, str(joint.get('name')))
    inertia = _child(inertial, 'inertia')
    moments = [float(str(inertia.get(key))) for key in ('ixx', 'iyy', 'izz')]
    mass = float(str(_child(inertial, 'mass').get('value')))
    add_inertial(part, mass, _pose(inertial)[:3], moments)
    for index, visual in enumerate(link.findall('visual')):
        add_shape(part, f'{name}_{index}', _pose(visual), _geometry(visual), _GREY)


def _add_joint(model: Element, joint: Element) -> None:
    kind = _SDF_TYPES[str(joint.get('type'))]
    part = SubElement(model, 'joint', {'name': str(joint.get('name')), 'type': kind})
    add_pose(part, _pose(joint), _named(joint, 'parent'))
    add_text(part, 'parent', _named(joint, 'parent'))
    add_text(part, 'child', _named(joint, 'child'))
    axis = SubElement(part, 'axis')
    add_text(axis, 'xyz', str(_child(joint, 'axis').get('xyz')))
    limit, given = SubElement(axis, 'limit'), _child(joint, 'limit')
    for key in ('lower', 'upper', 'effort', 'velocity'):
        if given.get(key) is not None:
            add_text(limit, key, str(given.get(key)))


def _add_plugins(model: Element, root: Element, robot: str) -> None:
    states = _plugin(model, 'joint-state-publisher', 'JointStatePublisher')
    add_text(states, 'topic', f'{robot}/joint_states')
    add_text(states, 'update_rate', '100')
    limits = {joint.get('name'): joint.find('limit') for joint in root.findall('joint')}
    for name in (*DRIVEN_JOINTS[:6], 'gripper', *DRIVEN_JOINTS[6:]):
        add_text(states, 'joint_name', name)
    for name in DRIVEN_JOINTS:
        limit = limits[name]
        assert limit is not None
        drive = _plugin(model, 'joint-position-controller', 'JointPositionController')
        add_text(drive, 'joint_name', name)
        add_text(drive, 'topic', command_topic(robot, name))
        # Follows exactly up to the joint's speed: no gains that nobody could tune here.
        add_text(drive, 'use_velocity_commands', 'true')
        add_text(drive, 'cmd_max', numbers([float(str(limit.get('velocity')))]))


def command_topic(robot: str, joint: str) -> str:
    """Return the Gazebo topic that takes a joint's position [rad; m of a finger]."""
    return f'{robot}/gazebo/{joint}'


def _plugin(model: Element, file: str, name: str) -> Element:
    names = {'filename': f'gz-sim-{file}-system', 'name': f'gz::sim::systems::{name}'}
    return SubElement(model, 'plugin', names)


def _geometry(visual: Element) -> Element:
    geometry = Element('geometry')
    (shape,) = _child(visual, 'geometry')
    part = SubElement(geometry, shape.tag)
    for key, value in shape.attrib.items():
        add_text(part, key, value)
    return geometry


def _pose(element: Element) -> list[float]:
    origin = element.find('origin')
    words = ['0 0 0', '0 0 0']
    if origin is not None:
        words = [origin.get('xyz', words[0]), origin.get('rpy', words[1])]
    return [float(word) for word in ' '.join(words).split()]


def _named(joint: Element, role: str) -> str:
    return str(_child(joint, role).get('link'))


def _child(element: Element, name: str) -> Element:
    child = element.find(name)
    if child is None:
        raise ValueError(f'{element.tag} {element.get("name")} has no <{name}>')
    return child
