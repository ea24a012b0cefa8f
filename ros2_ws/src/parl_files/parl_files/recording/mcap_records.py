# SPDX-License-Identifier: Apache-2.0
"""The records of an MCAP file, its messages decoded, and the times in them."""

from collections.abc import Iterator
import io
from pathlib import Path
from types import SimpleNamespace

from mcap.records import Channel, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader
from mcap_ros2.decoder import DecoderFactory

_MAGIC = b'\x89MCAP0\r\n'


def read_whole(path: Path) -> bytes:
    """Read a file.

    Raises:
        ValueError: It is not a whole MCAP file.
    """
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise ValueError('not an MCAP file')
    if len(data) < 2 * len(_MAGIC) or not data.endswith(_MAGIC):
        raise ValueError(f'truncated after {len(data)} bytes')
    return data


def records(data: bytes) -> Iterator[McapRecord]:
    """Return the records in the content of a file; reading them checks their CRCs."""
    # The limit stops a damaged length field from asking for gigabytes.
    return StreamReader(io.BytesIO(data), validate_crcs=True, record_size_limit=len(data)).records


def messages(found: Iterator[McapRecord]) -> Iterator[tuple[str, SimpleNamespace]]:
    """Decode the messages, each with its topic."""
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    factory = DecoderFactory()
    for record in found:
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel):
            channels[record.id] = record
        elif isinstance(record, Message):
            channel = channels[record.channel_id]
            decode = factory.decoder_for(channel.message_encoding, schemas[channel.schema_id])
            if decode is None:
                raise ValueError(f'topic {channel.topic} is not CDR of a ROS 2 message')
            yield channel.topic, decode(record.data)


def to_ns(stamp_s: float) -> int:
    """Return a time in nanoseconds."""
    return round(float(stamp_s) * 1e9)


def to_time(stamp_s: float) -> dict[str, int]:
    """Return a time as the fields of builtin_interfaces/Time."""
    sec, nanosec = divmod(to_ns(stamp_s), 10**9)
    return {'sec': sec, 'nanosec': nanosec}


def seconds(stamp: SimpleNamespace) -> float:
    """Return a builtin_interfaces/Time in seconds."""
    return float(stamp.sec + stamp.nanosec * 1e-9)
