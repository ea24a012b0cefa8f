# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

pytest.importorskip('parl_msgs', reason='the workspace is not built')
from builtin_interfaces.msg import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from reward_detector.camera.camera_watch import CameraHealth, Level
from reward_detector.objects.tracker import TrackedObjects
from reward_detector.ros.message_conversion import (
    health_to_diagnostics,
    joint_state_to_joints,
    objects_to_markers,
    objects_to_message,
)


def test_joints_without_gripper_and_fingers():
    names = ['left_finger', 'waist', 'gripper', 'elbow', 'right_finger']
    state = JointState(name=names, position=[0.02, 0.1, 1.0, 0.2, -0.02])
    assert joint_state_to_joints(state).tolist() == [0.1, 0.2]


def test_objects_seen_and_not():
    objects = TrackedObjects(
        names=('cup', 'rack'),
        positions=np.array([[0.3, -0.1, 0.0], [np.nan] * 3]),
        visible=np.array([True, False]),
    )
    header = Header(frame_id='wx250s/base_link')
    positions = objects_to_message(objects, header)
    assert positions.names == ['cup', 'rack']
    assert (positions.positions[0].x, positions.positions[0].y) == (0.3, -0.1)
    assert math.isnan(positions.positions[1].x)
    assert list(positions.visible) == [True, False]
    (marker,) = objects_to_markers(objects, header).markers
    assert (marker.ns, marker.header.frame_id) == ('cup', 'wx250s/base_link')


def test_the_cameras_health_on_the_wire():
    health = CameraHealth(level=Level.ERROR, message='no camera frame')
    array = health_to_diagnostics(health, '/detector: camera', Time(sec=3))
    (status,) = array.status
    assert (status.name, status.hardware_id) == ('/detector: camera', 'camera')
    assert (status.level, status.message) == (b'\x02', 'no camera frame')
    assert [(value.key, value.value) for value in status.values] == [('level', 'ERROR')]
    assert array.header.stamp.sec == 3
