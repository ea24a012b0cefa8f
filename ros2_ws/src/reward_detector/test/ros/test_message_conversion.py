# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

pytest.importorskip('parl_msgs', reason='the workspace is not built')
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from reward_detector.objects.tracker import TrackedObjects
from reward_detector.ros.message_conversion import (
    image_to_array,
    ImageMessageError,
    joint_state_to_opening,
    objects_to_markers,
    objects_to_message,
)

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def message(pixels=PIXELS, encoding='rgb8', padding=0, is_bigendian=0):
    padded = np.pad(pixels.reshape(len(pixels), -1), ((0, 0), (0, padding)), constant_values=255)
    return Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=padded.shape[1],
        is_bigendian=is_bigendian,
        data=padded.tobytes(),
    )


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('is_bigendian', [0, 1])
def test_rgb_and_bgr_with_padded_rows(padding, is_bigendian):
    rgb = message(padding=padding, is_bigendian=is_bigendian)
    np.testing.assert_array_equal(image_to_array(rgb), PIXELS)
    bgr = message(PIXELS[:, :, ::-1], 'bgr8', padding, is_bigendian)
    np.testing.assert_array_equal(image_to_array(bgr), PIXELS)


@pytest.mark.parametrize('encoding', ['mono8', '16UC1', 'yuv422_yuy2', ''])
def test_unknown_encoding_is_named(encoding):
    with pytest.raises(ImageMessageError, match=f"encoding '{encoding}' is not read.*rgb8"):
        image_to_array(message(encoding=encoding))


def test_cut_off_and_impossible_images():
    cut = message()
    cut.data = cut.data[:-1]
    with pytest.raises(ImageMessageError, match=r'holds 17 bytes.*18'):
        image_to_array(cut)
    narrow = message()
    narrow.step = 8
    with pytest.raises(ImageMessageError, match='cannot have step 8'):
        image_to_array(narrow)
    with pytest.raises(ImageMessageError, match='0x0'):
        image_to_array(Image(encoding='rgb8'))


def test_opening_from_joint_states():
    names = ['waist', 'gripper', 'left_finger', 'right_finger']
    state = JointState(name=names, position=[0.0, 1.0, 0.0235, -0.0235])
    assert joint_state_to_opening(state) == pytest.approx(0.5)
    state.position = [0.0, 1.0, -math.pi, math.pi]
    assert math.isnan(joint_state_to_opening(state))
    state.position = [0.0]
    assert math.isnan(joint_state_to_opening(state))
    assert math.isnan(joint_state_to_opening(JointState(name=['waist'], position=[0.0])))


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
