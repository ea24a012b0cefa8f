# SPDX-License-Identifier: Apache-2.0
"""Converts ROS messages to arrays and back."""

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Point
import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from parl_msgs.msg import ObjectPositions, Reward
from parl_node.message_conversion import diagnostics
from reward_detector.camera.camera_watch import CameraHealth
from reward_detector.objects.tracker import TrackedObjects
from reward_detector.verdict.frame_judge import Judgement
from widowx_description.finger import GRIPPER_NAME, LEFT_FINGER_NAME, RIGHT_FINGER_NAME

_MARKER_DIAMETER_M = 0.04


def joint_state_to_joints(message: JointState) -> np.ndarray:
    """Return the arm's joints (J,) [rad], without gripper and fingers."""
    named = zip(message.name, message.position, strict=False)
    gripper = (GRIPPER_NAME, LEFT_FINGER_NAME, RIGHT_FINGER_NAME)
    return np.array([at for name, at in named if name not in gripper], dtype=np.float64)


def objects_to_message(objects: TrackedObjects, header: Header) -> ObjectPositions:
    """Return the positions as parl_msgs/ObjectPositions."""
    return ObjectPositions(
        header=header,
        names=list(objects.names),
        positions=[Point(x=x, y=y, z=z) for x, y, z in objects.positions.tolist()],
        visible=objects.visible.tolist(),
    )


def judgement_to_reward(judgement: Judgement, header: Header) -> Reward:
    """Return the verdict as parl_msgs/Reward."""
    return Reward(
        header=header,
        verdict=int(judgement.verdict.value),
        episode_id=judgement.episode_id,
        reason=judgement.verdict.reason,
    )


def objects_to_markers(objects: TrackedObjects, header: Header) -> MarkerArray:
    """Return one disc for each object seen so far: green if seen now, grey if seen before."""
    markers = []
    for index, position in enumerate(objects.positions.tolist()):
        if not np.all(np.isfinite(position)):
            continue
        marker = Marker(header=header, ns=objects.names[index], id=index, type=Marker.CYLINDER)
        x, y, z = position
        marker.pose.position = Point(x=x, y=y, z=z)
        marker.pose.orientation.w = 1.0
        marker.scale.x = marker.scale.y = _MARKER_DIAMETER_M
        marker.scale.z = 0.002
        seen = bool(objects.visible[index])
        marker.color.r, marker.color.g, marker.color.b = (0.1, 0.8, 0.2) if seen else (0.5,) * 3
        marker.color.a = 0.8
        markers.append(marker)
    return MarkerArray(markers=markers)


def health_to_diagnostics(health: CameraHealth, name: str, stamp: Time) -> DiagnosticArray:
    """Return the camera's health as one diagnostic status."""
    values = {'level': health.level.name}
    return diagnostics(stamp, name, bytes([health.level]), health.message, 'camera', values)
