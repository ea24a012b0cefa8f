# SPDX-License-Identifier: Apache-2.0
"""Turns bodies of a compiled MuJoCo model into SDF models: the same links, joints and shapes."""

import copy
from xml.etree.ElementTree import Element, SubElement

import mujoco
import numpy as np

from widowx_gazebo.sdf_element import add_pose, add_text, numbers
from widowx_sim.servos import wx250s
from widowx_sim.servos.floats import FloatArray

_JOINT_TYPES = {
    int(mujoco.mjtJoint.mjJNT_HINGE): ('revolute', wx250s.VELOCITY_LIMIT_RAD_S),
    int(mujoco.mjtJoint.mjJNT_SLIDE): ('prismatic', wx250s.FINGER_VELOCITY_LIMIT_M_S),
}
"""SDF type and highest speed [rad/s; m/s] of each MuJoCo joint type."""


def body_element(model: mujoco.MjModel, root: int, name: str, start: FloatArray) -> Element:
    """Return a body and its descendants as an SDF model.

    Args:
        model: the compiled MuJoCo model.
        root: the body: a child of the world, or the world itself for the fixed bodies.
        name: name of the SDF model.
        start: (7,) position [m] and quaternion (w, x, y, z) of the body at the start.
    """
    element = Element('model', {'name': name})
    add_pose(element, start[:3], start[3:])
    bodies = [body for body in range(model.nbody) if model.body_rootid[body] == root]
    is_static = not any(model.body_jntnum[body] for body in bodies)
    add_text(element, 'static', str(is_static).lower())
    for body in bodies:
        link = SubElement(element, 'link', {'name': _link_name(model, body)})
        if body != root:
            parent = _link_name(model, int(model.body_parentid[body]))
            add_pose(link, model.body_pos[body], model.body_quat[body], parent)
            _add_joint(element, model, body)
        if not is_static:
            _add_inertial(link, model, body)
        if model.body_gravcomp[body]:
            add_text(link, 'gravity', 'false')
        first = int(model.body_geomadr[body])
        for index in range(int(model.body_geomnum[body])):
            _add_shape(link, model, first + index, index)
    if not is_static and not model.body_jntnum[root]:
        _add_stand(element, _link_name(model, root))
    return element


def _link_name(model: mujoco.MjModel, body: int) -> str:
    # SDF reserves the name 'world'.
    return str(model.body(body).name) if body else 'base'


def _add_stand(element: Element, link: str) -> None:
    stand = SubElement(element, 'joint', {'name': 'stand', 'type': 'fixed'})
    add_text(stand, 'parent', 'world')
    add_text(stand, 'child', link)


def _add_joint(element: Element, model: mujoco.MjModel, body: int) -> None:
    joint = int(model.body_jntadr[body])
    kind, velocity = _JOINT_TYPES[int(model.jnt_type[joint])]
    part = SubElement(element, 'joint', {'name': str(model.joint(joint).name), 'type': kind})
    add_text(part, 'parent', _link_name(model, int(model.body_parentid[body])))
    add_text(part, 'child', _link_name(model, body))
    axis = SubElement(part, 'axis')
    add_text(axis, 'xyz', numbers(*model.jnt_axis[joint]))
    limit = SubElement(axis, 'limit')
    add_text(limit, 'lower', numbers(model.jnt_range[joint, 0]))
    add_text(limit, 'upper', numbers(model.jnt_range[joint, 1]))
    add_text(limit, 'effort', numbers(_efforts(model)[joint]))
    add_text(limit, 'velocity', numbers(velocity))


def _efforts(model: mujoco.MjModel) -> dict[int, float]:
    """Return the highest torque or force of each joint [N m; N]."""
    joints, ranges = model.actuator_trnid[:, 0], model.actuator_forcerange
    efforts = {int(joint): float(high) for joint, (_, high) in zip(joints, ranges, strict=True)}
    # In MuJoCo the right finger is coupled to the left one; here it has its own drive.
    for follower, leader in zip(model.eq_obj1id, model.eq_obj2id, strict=True):
        efforts[int(follower)] = efforts[int(leader)]
    return efforts


def _add_inertial(link: Element, model: mujoco.MjModel, body: int) -> None:
    inertial = SubElement(link, 'inertial')
    add_pose(inertial, model.body_ipos[body], model.body_iquat[body])
    add_text(inertial, 'mass', numbers(model.body_mass[body]))
    inertia = SubElement(inertial, 'inertia')
    for name, moment in zip(('ixx', 'iyy', 'izz'), model.body_inertia[body], strict=True):
        add_text(inertia, name, f'{moment:.7g}')
    for name in ('ixy', 'ixz', 'iyz'):
        add_text(inertia, name, '0')


def _add_shape(link: Element, model: mujoco.MjModel, geom: int, index: int) -> None:
    """Add a visual shape, and a collision shape unless the model's shape touches nothing."""
    geometry = Element('geometry')
    geometry.append(_shape(int(model.geom_type[geom]), model.geom_size[geom]))
    touches = model.geom_contype[geom] or model.geom_conaffinity[geom]
    for kind in ('visual', 'collision') if touches else ('visual',):
        # Siblings must not share a name, whatever their kind.
        part = SubElement(link, kind, {'name': f'{kind}_{index}'})
        add_pose(part, model.geom_pos[geom], model.geom_quat[geom])
        part.append(copy.deepcopy(geometry))
        if kind == 'visual':
            material = SubElement(part, 'material')
            for light in ('ambient', 'diffuse'):
                add_text(material, light, numbers(*model.geom_rgba[geom]))


def _shape(kind: int, size: FloatArray) -> Element:
    """Return a shape; MuJoCo's sizes are half lengths."""
    name, texts = {
        int(mujoco.mjtGeom.mjGEOM_BOX): ('box', {'size': 2 * size}),
        int(mujoco.mjtGeom.mjGEOM_CAPSULE): ('capsule', _round(size)),
        int(mujoco.mjtGeom.mjGEOM_CYLINDER): ('cylinder', _round(size)),
        int(mujoco.mjtGeom.mjGEOM_ELLIPSOID): ('ellipsoid', {'radii': size}),
        int(mujoco.mjtGeom.mjGEOM_PLANE): (
            'plane',
            {'normal': np.array([0.0, 0.0, 1.0]), 'size': 2 * size[:2]},
        ),
        int(mujoco.mjtGeom.mjGEOM_SPHERE): ('sphere', {'radius': size[:1]}),
    }[kind]
    shape = Element(name)
    for key, values in texts.items():
        add_text(shape, key, numbers(*values))
    return shape


def _round(size: FloatArray) -> dict[str, FloatArray]:
    return {'radius': size[:1], 'length': 2 * size[1:2]}
