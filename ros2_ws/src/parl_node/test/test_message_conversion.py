# SPDX-License-Identifier: Apache-2.0
import math

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState

from parl_node.message_conversion import (
    diagnostics,
    gripper_opening,
    image_to_array,
    ImageMessageError,
    nanoseconds,
    seconds,
    serialized_stamp_s,
    stamp,
    stamp_from_nanoseconds,
)

TODAY_NS = 1_764_533_241_123_456_789
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


def test_pixels_are_contiguous_and_of_one_byte():
    for seen in (message(), message(padding=5), message(encoding='bgr8')):
        pixels = image_to_array(seen)
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous


@pytest.mark.parametrize(
    ('finger_m', 'opening'),
    [(0.010, 0.0), (0.0235, 0.5), (0.037, 1.0), (0.004, 0.0), (0.040, 1.0)],
)
def test_opening_by_hand(finger_m, opening):
    names = ['waist', 'gripper', 'left_finger', 'right_finger']
    state = JointState(name=names, position=[0.1, 1.0, finger_m, -finger_m])
    assert gripper_opening(state) == pytest.approx(opening)


@pytest.mark.parametrize(
    ('names', 'positions'),
    [
        (['waist'], [0.1]),
        (['waist', 'left_finger'], [0.1]),
        (['left_finger'], []),
        (['left_finger'], [-math.pi]),
        (['left_finger'], [math.nan]),
    ],
)
def test_opening_that_cannot_be_known_is_nan(names, positions):
    assert math.isnan(gripper_opening(JointState(name=names, position=positions)))


def test_stamps_there_and_back():
    moment = stamp_from_nanoseconds(TODAY_NS)
    assert (moment.sec, moment.nanosec) == (1_764_533_241, 123_456_789)
    assert nanoseconds(moment) == TODAY_NS
    assert seconds(moment) == pytest.approx(1_764_533_241.123456789, abs=1e-6)
    assert stamp(12.25) == Time(sec=12, nanosec=250_000_000)
    # Rounded, never 1e9 nanoseconds.
    assert stamp(0.9999999999) == Time(sec=1)


def test_diagnostics_have_one_status():
    moment = Time(sec=7)
    text = 'follows targets'
    array = diagnostics(moment, 'x: driver', DiagnosticStatus.WARN, text, 'x', {'held': '3'})
    assert array.header.stamp == moment
    (status,) = array.status
    assert (status.name, status.level, status.message) == ('x: driver', b'\x01', text)
    assert status.hardware_id == 'x'
    assert [(value.key, value.value) for value in status.values] == [('held', '3')]
    assert not diagnostics(moment, 'x', DiagnosticStatus.OK, '', 'x').status[0].values


@pytest.mark.parametrize('kind', [Image, JointState])
def test_a_serialized_stamp_is_that_of_the_message(kind):
    message = kind()
    message.header.stamp = stamp_from_nanoseconds(1_796_083_585_333_558_313)
    message.header.frame_id = 'camera'
    assert serialized_stamp_s(serialize_message(message)) == seconds(message.header.stamp)
    big_endian = b'\x00\x00\x00\x00' + (7).to_bytes(4, 'big') + (500_000_000).to_bytes(4, 'big')
    assert serialized_stamp_s(big_endian) == 7.5
