# SPDX-License-Identifier: Apache-2.0
"""An episode as one MCAP file: parl_msgs/Step records, metadata, optional camera frames.

The file opens in Foxglove and `ros2 bag play`; writing and reading it needs no ROS.
Metadata record `episode` holds what belongs to the whole episode, `episode_metadata` the
free entries, both as JSON values.
"""

from collections.abc import Iterator, Mapping, Sequence
import hashlib
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mcap.records import Channel, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap_ros2.decoder import DecoderFactory
from mcap_ros2.writer import Writer
import numpy as np

from parl_files.episode import Episode
from parl_files.error import ParlError
from parl_files.step_definition import CAMERA, CAMERA_TYPE, STEP, STEP_TYPE

FORMAT_VERSION = 1
STEP_TOPIC = 'step'
CAMERA_TOPIC = 'camera'

_MAGIC = b'\x89MCAP0\r\n'
_FIXED_FIELDS = ('episode_id', 'purpose', 'outcome', 'observation_names')


class EpisodeFileError(ParlError):
    """A file is not a whole, valid episode of this format; readers report it and skip it."""

    def __init__(self, path: Path, reason: object) -> None:
        self.path = path
        super().__init__(
            f'episode file {path}: {reason}; the file stays where it is and is not used; '
            f'fetch it again from the host that recorded it, or delete it'
        )


def episode_to_bytes(
    episode: Episode, frames: Sequence[tuple[float, bytes]] | None = None
) -> bytes:
    """Serialise an episode; the same episode always gives the same bytes.

    Args:
        episode: The recorded episode.
        frames: Camera images as (stamp [s], JPEG bytes); for people to see, not for training.

    Returns:
        The content of an MCAP file.
    """
    output = io.BytesIO()
    with Writer(output) as writer:
        for name, record in _metadata_records(episode).items():
            writer.add_metadata(name, record)
        schema = writer.register_msgdef(STEP_TYPE, STEP)
        for step, message in enumerate(_step_messages(episode)):
            time_ns = _to_ns(episode.stamps_s[step])
            writer.write_message(STEP_TOPIC, schema, message, time_ns, sequence=step)
        if frames:
            schema = writer.register_msgdef(CAMERA_TYPE, CAMERA)
            for number, (stamp_s, jpeg) in enumerate(frames):
                header = {'stamp': _time(stamp_s), 'frame_id': 'camera_color_optical_frame'}
                message = {'header': header, 'format': 'jpeg', 'data': jpeg}
                writer.write_message(
                    CAMERA_TOPIC, schema, message, _to_ns(stamp_s), sequence=number
                )
    return output.getvalue()


def read_episode(path: Path) -> Episode:
    """Read and check an episode.

    Raises:
        EpisodeFileError: The file is missing, truncated, altered or foreign, or its content
            breaks a rule of `Episode`.
    """
    path = Path(path)
    try:
        return _parse_episode(_read_whole(path))
    except Exception as error:  # a foreign parser on damaged bytes may raise anything
        raise EpisodeFileError(path, error or type(error).__name__) from error


def read_episode_id(path: Path) -> str:
    """Read the id alone, which stands at the begin of the file; it takes a fraction of the time.

    Raises:
        EpisodeFileError: The file is missing, foreign, or its begin is damaged.
    """
    path = Path(path)
    try:
        metadata = _parse_metadata(_records(_read_whole(path)))
        return str(json.loads(metadata['episode']['episode_id']))
    except Exception as error:  # as above
        raise EpisodeFileError(path, error or type(error).__name__) from error


def read_frames(path: Path) -> list[tuple[float, bytes]]:
    """Read the camera frames of an episode, in the order of recording.

    Returns:
        (stamp [s], JPEG bytes) for each frame; empty if none were recorded.

    Raises:
        EpisodeFileError: The file is missing, truncated, altered or foreign.
    """
    path = Path(path)
    try:
        return [
            (_seconds(frame.header.stamp), bytes(frame.data))
            for frame in _messages(_records(_read_whole(path)), CAMERA_TOPIC)
        ]
    except Exception as error:  # as above
        raise EpisodeFileError(path, error or type(error).__name__) from error


def _metadata_records(episode: Episode) -> dict[str, dict[str, str]]:
    fixed: dict[str, Any] = {name: getattr(episode, name) for name in _FIXED_FIELDS}
    fixed |= {'format_version': FORMAT_VERSION, 'steps': len(episode) + 1}
    records = {
        'episode': {key: json.dumps(value) for key, value in fixed.items()},
        'episode_metadata': {key: json.dumps(value) for key, value in episode.metadata.items()},
    }
    # MCAP protects messages by a checksum, but not metadata.
    records['episode']['checksum'] = _checksum(records)
    return records


def _checksum(records: Mapping[str, Mapping[str, str]]) -> str:
    covered = {
        name: {key: value for key, value in record.items() if key != 'checksum'}
        for name, record in records.items()
    }
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()


def _step_messages(episode: Episode) -> Iterator[dict[str, Any]]:
    count = len(episode)
    for step in range(count + 1):
        is_closing = step == count
        yield {
            'stamp': _time(episode.stamps_s[step]),
            'step': step,
            'observation': episode.observations[step].tolist(),
            'action': [] if is_closing else episode.actions[step].tolist(),
            'proposed_action': [] if is_closing else episode.proposed_actions[step].tolist(),
            'reward': 0.0 if is_closing else float(episode.rewards[step]),
            'terminated': not is_closing and bool(episode.terminated[step]),
            'truncated': not is_closing and bool(episode.truncated[step]),
            'verdict': int(episode.verdicts[step]),
            'policy_version': episode.policy_versions[step],
        }


def _read_whole(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise ValueError('not an MCAP file')
    if len(data) < 2 * len(_MAGIC) or not data.endswith(_MAGIC):
        raise ValueError(f'truncated after {len(data)} bytes')
    return data


def _records(data: bytes) -> Iterator[McapRecord]:
    # The limit stops a damaged length field from asking for gigabytes.
    return StreamReader(io.BytesIO(data), validate_crcs=True, record_size_limit=len(data)).records


def _messages(records: Iterator[McapRecord], topic: str) -> Iterator[SimpleNamespace]:
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    factory = DecoderFactory()
    for record in records:
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel):
            channels[record.id] = record
        elif isinstance(record, Message) and channels[record.channel_id].topic == topic:
            channel = channels[record.channel_id]
            decode = factory.decoder_for(channel.message_encoding, schemas[channel.schema_id])
            if decode is None:
                raise ValueError(f'topic {topic} is not CDR of a ROS 2 message')
            yield decode(record.data)


def _parse_episode(data: bytes) -> Episode:
    records = _records(data)
    metadata = _parse_metadata(records)
    fixed = {
        key: json.loads(value) for key, value in metadata['episode'].items() if key != 'checksum'
    }
    steps: list[SimpleNamespace] = []
    for message in _messages(records, STEP_TOPIC):
        if message.step != len(steps):
            raise ValueError(f'found step {message.step}, expected step {len(steps)}')
        steps.append(message)
        if len(steps) == fixed['steps']:
            break  # camera frames follow; they are not needed
    if len(steps) != fixed['steps'] or len(steps) < 2:
        raise ValueError(f'{len(steps)} steps of {fixed["steps"]}')
    transitions = steps[:-1]
    return Episode(
        **{name: fixed[name] for name in _FIXED_FIELDS},
        observations=np.array([step.observation for step in steps], np.float32),
        actions=np.array([step.action for step in transitions], np.float32),
        proposed_actions=np.array([step.proposed_action for step in transitions], np.float32),
        rewards=np.array([step.reward for step in transitions], np.float32),
        terminated=np.array([step.terminated for step in transitions]),
        truncated=np.array([step.truncated for step in transitions]),
        stamps_s=np.array([_seconds(step.stamp) for step in steps]),
        verdicts=np.array([step.verdict for step in steps], np.uint8),
        policy_versions=[step.policy_version for step in steps],
        metadata={key: json.loads(value) for key, value in metadata['episode_metadata'].items()},
    )


def _parse_metadata(records: Iterator[McapRecord]) -> dict[str, dict[str, str]]:
    """Read and check the two metadata records, which come before all messages."""
    found: dict[str, dict[str, str]] = {}
    for record in records:
        if isinstance(record, Metadata):
            found[record.name] = record.metadata
        if {'episode', 'episode_metadata'} <= found.keys():
            break
    else:
        raise ValueError('an MCAP file, but not of an episode (no metadata record `episode`)')
    version = found['episode'].get('format_version')
    if version != json.dumps(FORMAT_VERSION):
        raise ValueError(f'format version {version}, this program reads {FORMAT_VERSION}')
    if found['episode'].get('checksum') != _checksum(found):
        raise ValueError('its metadata was altered: the checksum differs')
    return found


def _to_ns(stamp_s: float) -> int:
    return round(float(stamp_s) * 1e9)


def _time(stamp_s: float) -> dict[str, int]:
    sec, nanosec = divmod(_to_ns(stamp_s), 10**9)
    return {'sec': sec, 'nanosec': nanosec}


def _seconds(stamp: SimpleNamespace) -> float:
    return float(stamp.sec + stamp.nanosec * 1e-9)
