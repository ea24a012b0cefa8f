# SPDX-License-Identifier: Apache-2.0
"""Converts messages that every node may send to plain values and back."""

from collections.abc import Mapping
import struct
from types import MappingProxyType

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from parl_files.artifact_store import ArtifactRecord
from parl_files.error import ParlError
from parl_msgs.msg import Artifact
from widowx_description.finger import LEFT_FINGER_NAME, opening_from_finger

_SECOND_NS = 1_000_000_000
_NO_VALUES: Mapping[str, str] = MappingProxyType({})


class ImageMessageError(ParlError):
    """An image message cannot be read; the message names the field and what is accepted."""


def seconds(stamp: Time) -> float:
    """Return a stamp in seconds; exact to a microsecond for today's clock."""
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)


def nanoseconds(stamp: Time) -> int:
    """Return a stamp in nanoseconds."""
    return int(stamp.sec) * _SECOND_NS + int(stamp.nanosec)


def stamp(time_s: float) -> Time:
    """Return the stamp of a time in seconds."""
    return stamp_from_nanoseconds(round(time_s * 1e9))


def stamp_from_nanoseconds(time_ns: int) -> Time:
    """Return the stamp of a time in nanoseconds."""
    return Time(sec=time_ns // _SECOND_NS, nanosec=time_ns % _SECOND_NS)


def serialized_stamp_s(serialized: bytes) -> float:
    """Return the stamp [s] of a serialized message that begins with a std_msgs/Header.

    In CDR four bytes come first, of which the second tells the byte order, then the stamp's
    seconds and nanoseconds (OMG DDS-XTypes 1.3, section 7.4). Reading them takes a microsecond; a
    whole image takes a millisecond.
    """
    order = '<' if serialized[1] & 1 else '>'
    sec, nanosec = struct.unpack_from(f'{order}iI', serialized, 4)
    return seconds(Time(sec=sec, nanosec=nanosec))


def image_to_array(message: Image) -> NDArray[np.uint8]:
    """Return the pixels of an rgb8 or bgr8 message.

    `step` may be longer than a row. `is_bigendian` has no meaning for single bytes and is ignored.

    Returns:
        (H, W, 3) uint8 RGB, contiguous; it may share the message's memory.

    Raises:
        ImageMessageError: The encoding is another one, or there are fewer bytes than height x
            step.
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
            f'image data holds {flat.size} bytes, but height x step is '
            f'{message.height * message.step}; the message is cut off'
        )
    rows = flat[: message.height * message.step].reshape(message.height, message.step)
    pixels = rows[:, :row].reshape(message.height, message.width, 3)
    return np.ascontiguousarray(pixels if message.encoding == 'rgb8' else pixels[:, :, ::-1])


def gripper_opening(message: JointState) -> float:
    """Return the gripper opening, 0 closed .. 1 open; NaN if the message does not hold it."""
    positions = dict(zip(message.name, message.position, strict=False))
    return opening_from_finger(positions.get(LEFT_FINGER_NAME, float('nan')))


def diagnostics(
    stamp: Time,
    name: str,
    level: bytes,
    text: str,
    hardware_id: str,
    values: Mapping[str, str] = _NO_VALUES,
) -> DiagnosticArray:
    """Return a message for /diagnostics with one status.

    Args:
        stamp: Time of the status.
        name: What the status is about, "node: part".
        level: DiagnosticStatus.OK, WARN or ERROR.
        text: What was found, with the remedy.
        hardware_id: The part of the station that it belongs to.
        values: Details by name.
    """
    status = DiagnosticStatus(
        level=level,
        name=name,
        message=text,
        hardware_id=hardware_id,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    return DiagnosticArray(header=Header(stamp=stamp), status=[status])


def to_record(message: Artifact) -> ArtifactRecord:
    """Return the record that an artifact announcement carries."""
    return ArtifactRecord(
        kind=message.kind,
        name=message.name,
        version=message.version,
        bytes=message.bytes,
        sha256=message.sha256,
    )


def to_artifact(record: ArtifactRecord, time: Time, server: str) -> Artifact:
    """Return the announcement of a file that the service `server` gives out."""
    message = Artifact(
        kind=record.kind,
        name=record.name,
        version=record.version,
        bytes=record.bytes,
        sha256=record.sha256,
        server=server,
    )
    message.header.stamp = time
    return message
