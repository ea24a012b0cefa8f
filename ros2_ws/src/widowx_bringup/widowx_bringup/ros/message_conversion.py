# SPDX-License-Identifier: Apache-2.0
"""Converts station shapes and targets to display messages."""

from geometry_msgs.msg import Point, TransformStamped
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from parl_msgs.msg import EndEffectorTarget
from widowx_bringup.station_shapes import StationShapes

_TARGET_DIAMETER_M = 0.012
_YELLOW = ColorRGBA(r=1.0, g=0.85, b=0.1, a=0.9)
_WHITE = ColorRGBA(r=1.0, g=1.0, b=1.0, a=0.9)


def workspace_markers(shapes: StationShapes) -> MarkerArray:
    """Return the markers of the edges of the workspace box."""
    marker = Marker(ns='workspace', type=Marker.LINE_LIST, color=_YELLOW)
    marker.header.frame_id = shapes.base_frame
    marker.pose.orientation.w = 1.0
    marker.scale.x = 0.002
    marker.points = [Point(x=x, y=y, z=z) for edge in shapes.box_edges() for (x, y, z) in edge]
    return MarkerArray(markers=[marker])


def target_markers(target: EndEffectorTarget) -> MarkerArray:
    """Return the marker of the chosen target: a ball that grows with the gripper's opening."""
    marker = Marker(header=target.header, ns='target', type=Marker.SPHERE, color=_WHITE)
    marker.pose = target.pose
    marker.scale.x = marker.scale.z = _TARGET_DIAMETER_M
    marker.scale.y = _TARGET_DIAMETER_M * (1.0 + 2.0 * target.gripper)
    return MarkerArray(markers=[marker])


def camera_transform(shapes: StationShapes) -> TransformStamped:
    """Return the pose of the camera's optical frame in base_link."""
    message = TransformStamped(child_frame_id=shapes.camera_frame)
    message.header.frame_id = shapes.base_frame
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = shapes.camera_position
    rotation.x, rotation.y, rotation.z, rotation.w = shapes.camera_quaternion
    return message
