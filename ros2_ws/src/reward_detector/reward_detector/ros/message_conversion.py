# SPDX-License-Identifier: Apache-2.0
"""ROS messages to arrays and back."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point
import numpy as np
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from parl_files.error import ParlError
from parl_msgs.msg import ObjectPositions, Reward
from reward_detector.camera.camera_watch import CameraHealth
from reward_detector.objects.tracker import TrackedObjects
from reward_detector.verdict.frame_judge import Judgement
from widowx_description.finger import opening_from_finger

_GRIPPER_JOINT = 'left_finger'
_GRIPPER_JOINTS = ('gripper', 'left_finger', 'right_finger')
_MARKER_DIAMETER_M = 0.04


class ImageMessageError(ParlError):
    """An image message cannot be read; says which field and what is accepted."""


def seconds(stamp: Time) -> float:
    """Return a stamp as seconds; exact to a microsecond for today's clock."""
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)


def image_to_array(message: Image) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB of an rgb8 or bgr8 message.

    `step` may be longer than a row. `is_bigendian` says nothing about single bytes, so both
    values are read alike.

    Raises:
        ImageMessageError: another encoding, or fewer bytes than height and step promise.
    """
    if message.encoding not in ('rgb8', 'bgr8'):
        raise ImageMessageError(
            f'image encoding {message.encoding!r} is not read; set the camera to rgb8 or bgr8'
        )
    row = 3 * message.width
    if message.width < 1 or message.height < 1 or message.step < row:
        raise ImageMessageError(
            f'image {message.width}x{message.height} cannot have step {message.step}; '
            f'a row takes {row} bytes'
        )
    flat = np.frombuffer(message.data, np.uint8)
    if flat.size < message.height * message.step:
        raise ImageMessageError(
            f'image data holds {flat.size} bytes, height x step are '
            f'{message.height * message.step}; the message is cut off'
        )
    rows = flat[: message.height * message.step].reshape(message.height, message.step)
    pixels = rows[:, :row].reshape(message.height, message.width, 3)
    return pixels if message.encoding == 'rgb8' else pixels[:, :, ::-1]


def joint_state_to_opening(message: JointState) -> float:
    """Return the gripper opening 0 ... 1; NaN where the message does not tell it."""
    if _GRIPPER_JOINT not in message.name:
        return float('nan')
    index = message.name.index(_GRIPPER_JOINT)
    if index >= len(message.position):
        return float('nan')
    return opening_from_finger(message.position[index])


def joint_state_to_joints(message: JointState) -> np.ndarray:
    """Return the arm's joints (J,) [rad], without gripper and fingers."""
    named = zip(message.name, message.position, strict=False)
    return np.array([at for name, at in named if name not in _GRIPPER_JOINTS], dtype=np.float64)


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
    """Return one disc for each object ever seen: green while seen, grey where last seen."""
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
    status = DiagnosticStatus(
        level=bytes([health.level]), name=name, message=health.message, hardware_id='camera'
    )
    status.values = [KeyValue(key='level', value=health.level.name)]
    return DiagnosticArray(header=Header(stamp=stamp), status=[status])
