# SPDX-License-Identifier: Apache-2.0
"""Converts ROS messages to the plain values of this package and back."""

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
import numpy as np
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from parl_files.recording.film import encode_losslessly
from parl_msgs.msg import EndEffectorTarget, ObjectPositions, Reward
from parl_node.message_conversion import seconds
from parl_policy.acting.actor import Decision
from parl_policy.episode.action_space import MAX_TRANSLATION_M, Target
from parl_policy.episode.input_gate import ExecutedInput, ObjectsInput, VerdictInput


def to_target(message: EndEffectorTarget) -> Target:
    """Return pose and gripper of a target message."""
    p, q = message.pose.position, message.pose.orientation
    x, y, z, w = np.array([q.x, q.y, q.z, q.w]) / np.linalg.norm([q.x, q.y, q.z, q.w])
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return Target(np.array([p.x, p.y, p.z]), rotation, float(message.gripper))


def to_pose(target: Target) -> Pose:
    """Return position [m] and unit quaternion of a target in `base_link`."""
    return Pose(position=to_point(target.position), orientation=_quaternion(target.rotation))


def to_point(position: np.ndarray) -> Point:
    """Return a position (3,) [m] as a point."""
    x, y, z = (float(value) for value in position)
    return Point(x=x, y=y, z=z)


def _quaternion(rotation: np.ndarray) -> Quaternion:
    """Return the unit quaternion of a rotation matrix (3, 3): an eigenvector (Bar-Itzhack)."""
    m = rotation
    k = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], 0.0, 0.0, 0.0],
            [m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], 0.0, 0.0],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1], 0.0],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], np.trace(m)],
        ]
    )
    x, y, z, w = np.linalg.eigh(k)[1][:, -1]
    return Quaternion(x=float(x), y=float(y), z=float(z), w=float(w))


def to_executed(message: EndEffectorTarget) -> ExecutedInput:
    """Return the driver's answer to a target."""
    arm_fault = message.reason if message.arm_fault else ''
    return ExecutedInput(
        message.episode_id, message.step, to_target(message), arm_fault, message.did_not_follow
    )


def to_objects(message: ObjectPositions) -> ObjectsInput:
    """Return the object positions of one frame."""
    return ObjectsInput(
        stamp_s=seconds(message.header.stamp),
        names=tuple(message.names),
        positions=np.array([[p.x, p.y, p.z] for p in message.positions]).reshape(-1, 3),
        visible=np.array(message.visible, dtype=bool),
    )


def to_verdict(message: Reward) -> VerdictInput:
    """Return the verdict on one frame."""
    return VerdictInput(seconds(message.header.stamp), message.episode_id, message.verdict)


def to_compressed(picture: np.ndarray) -> CompressedImage:
    """Return a picture (H, W, 3) uint8 RGB as it was observed, without loss."""
    return CompressedImage(format='png', data=encode_losslessly(picture))


def to_markers(decision: Decision, target: Target, frame_id: str, time: Time) -> MarkerArray:
    """Return candidate targets as spheres, blue (lowest Q) to red, the chosen one larger."""
    values = np.nan_to_num(decision.values)
    span = max(float(np.ptp(values)), 1e-9)
    marker = Marker(ns='candidates', type=Marker.SPHERE_LIST, action=Marker.ADD)
    marker.header.frame_id, marker.header.stamp = frame_id, time
    marker.scale.x = marker.scale.y = marker.scale.z = 0.006
    marker.pose.orientation.w = 1.0
    for action, value in zip(decision.candidates, values, strict=True):
        marker.points.append(_moved(target, action))
        heat = float((value - values.min()) / span)
        marker.colors.append(ColorRGBA(r=heat, g=0.2, b=1.0 - heat, a=0.8))
    chosen = Marker(ns='chosen', type=Marker.SPHERE, action=Marker.ADD, header=marker.header)
    chosen.scale.x = chosen.scale.y = chosen.scale.z = 0.012
    chosen.pose.position = _moved(target, decision.action)
    chosen.pose.orientation.w = 1.0
    chosen.color = ColorRGBA(r=1.0, g=1.0, b=0.0, a=0.9)
    return MarkerArray(markers=[marker, chosen])


def _moved(target: Target, action: np.ndarray) -> Point:
    return to_point(target.position + action[:3] * MAX_TRANSLATION_M)
