# SPDX-License-Identifier: Apache-2.0
"""An episode as one MCAP file: parl_msgs/Step records, metadata, the cameras' pictures.

The file opens in Foxglove and `ros2 bag play`; writing and reading it needs no ROS.
Metadata record `episode` holds what belongs to the whole episode, `episode_metadata` the
free entries, both as JSON values. Pictures are compressed, on the topic of their camera; a step
refers to those that were observed by their stamps.
"""

from collections.abc import Iterator, Mapping, Sequence
import functools
import hashlib
import io
import json
from pathlib import Path
import re
from types import SimpleNamespace
from typing import Any

from mcap.records import McapRecord, Metadata
from mcap_ros2.writer import Writer
import numpy as np

from parl_files.episode import Episode
from parl_files.error import ParlError
from parl_files.recording.film import encode_losslessly, Film
from parl_files.recording.mcap_records import (
    messages,
    read_whole,
    records,
    seconds,
    to_ns,
    to_time,
)
from parl_files.recording.step_definition import CAMERA, CAMERA_TYPE, STEP, STEP_TYPE

FORMAT_VERSION = 2
STEP_TOPIC = 'step'

Frames = Sequence[tuple[float, bytes]]
"""Pictures of one camera as (stamp [s], JPEG bytes), in the order of recording."""

_OLD_VERSION = 1
"""Version whose only film is on the topic `_OLD_TOPIC`, and whose steps may begin with pixels."""
_OLD_TOPIC = 'camera'

_FIXED_FIELDS = ('episode_id', 'purpose', 'outcome')


class EpisodeFileError(ParlError):
    """A file is not a whole, valid episode of this format; readers report it and skip it."""

    def __init__(self, path: Path, reason: object) -> None:
        self.path = path
        super().__init__(
            f'episode file {path}: {reason}; the file stays where it is and is not used; '
            f'fetch it again from the host that recorded it, or delete it'
        )


def picture_topic(camera: str) -> str:
    """Return the topic of a camera's compressed pictures, as image_transport names it."""
    return f'{camera}/color/image_raw/compressed'


def episode_to_bytes(episode: Episode, frames: Mapping[str, Frames] | None = None) -> bytes:
    """Serialise an episode; the same episode always gives the same bytes.

    Args:
        episode: The recorded episode.
        frames: Further pictures by the name of their camera, for people to see; those of an
            observed camera are in `episode.films`.

    Returns:
        The content of an MCAP file.
    """
    output = io.BytesIO()
    with Writer(output) as writer:
        for name, record in _metadata_records(episode).items():
            writer.add_metadata(name, record)
        schema = writer.register_msgdef(STEP_TYPE, STEP)
        for step, message in enumerate(_step_messages(episode)):
            time_ns = to_ns(episode.stamps_s[step])
            writer.write_message(STEP_TOPIC, schema, message, time_ns, sequence=step)
        films = dict(frames or {}) | {
            camera: list(zip(film.stamps_s, film.compressed(), strict=True))
            for camera, film in episode.films.items()
        }
        for camera, taken in films.items():
            _write_frames(writer, camera, taken)
    return output.getvalue()


def read_episode(path: Path) -> Episode:
    """Read and check an episode.

    Raises:
        EpisodeFileError: The file is missing, truncated, altered or foreign, or its content
            breaks a rule of `Episode`.
    """
    path = Path(path)
    try:
        return _parse_episode(path)
    except Exception as error:  # a foreign parser on damaged bytes may raise anything
        raise EpisodeFileError(path, error or type(error).__name__) from error


def read_episode_id(path: Path) -> str:
    """Read the id alone, which stands at the begin of the file; it takes a fraction of the time.

    Raises:
        EpisodeFileError: The file is missing, foreign, or its begin is damaged.
    """
    path = Path(path)
    try:
        metadata = _parse_metadata(records(read_whole(path)))
        return str(json.loads(metadata['episode']['episode_id']))
    except Exception as error:  # as above
        raise EpisodeFileError(path, error or type(error).__name__) from error


def read_frames(path: Path) -> dict[str, list[tuple[float, bytes]]]:
    """Read the pictures of an episode, by the name of their camera, in the order of recording.

    Returns:
        (stamp [s], JPEG bytes) of each picture; nothing if none were recorded.

    Raises:
        EpisodeFileError: The file is missing, truncated, altered or foreign.
    """
    path = Path(path)
    found: dict[str, list[tuple[float, bytes]]] = {}
    pattern = re.compile(picture_topic('(.+)'))
    try:
        for topic, frame in messages(records(read_whole(path))):
            camera = pattern.fullmatch(topic)
            if camera or topic == _OLD_TOPIC:
                name = camera.group(1) if camera else _OLD_TOPIC
                picture = (seconds(frame.header.stamp), bytes(frame.data))
                found.setdefault(name, []).append(picture)
    except Exception as error:  # as above
        raise EpisodeFileError(path, error or type(error).__name__) from error
    return found


def _read_film(path: Path, camera: str, stamps_s: np.ndarray) -> list[bytes]:
    """Return the pictures of a camera with these stamps (N,) [s]."""
    pictures = {to_ns(stamp_s): data for stamp_s, data in read_frames(path).get(camera, ())}
    lost = [stamp_s for stamp_s in stamps_s if to_ns(stamp_s) not in pictures]
    if lost:
        raise EpisodeFileError(path, f'no picture of {camera} at {lost[0]} s')
    return [pictures[to_ns(stamp_s)] for stamp_s in stamps_s]


def _write_frames(writer: Writer, camera: str, frames: Frames) -> None:
    schema = writer.register_msgdef(CAMERA_TYPE, CAMERA)
    for number, (stamp_s, jpeg) in enumerate(frames):
        header = {'stamp': to_time(stamp_s), 'frame_id': f'{camera}_color_optical_frame'}
        message = {'header': header, 'format': 'jpeg', 'data': jpeg}
        writer.write_message(
            picture_topic(camera), schema, message, to_ns(stamp_s), sequence=number
        )


def _metadata_records(episode: Episode) -> dict[str, dict[str, str]]:
    fixed: dict[str, Any] = {name: getattr(episode, name) for name in _FIXED_FIELDS}
    fixed |= {
        'observation_names': episode.observation_names,
        'instruction': episode.instruction,
        'cameras': {
            camera: {
                'size': film.size,
                'table': None if film.table is None else film.table.tolist(),
            }
            for camera, film in episode.films.items()
        },
        'format_version': FORMAT_VERSION,
        'steps': len(episode) + 1,
    }
    metadata = {
        'episode': {key: json.dumps(value) for key, value in fixed.items()},
        'episode_metadata': {key: json.dumps(value) for key, value in episode.metadata.items()},
    }
    # MCAP protects messages by a checksum, but not metadata.
    metadata['episode']['checksum'] = _checksum(metadata)
    return metadata


def _checksum(metadata: Mapping[str, Mapping[str, str]]) -> str:
    covered = {
        name: {key: value for key, value in record.items() if key != 'checksum'}
        for name, record in metadata.items()
    }
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()


def _step_messages(episode: Episode) -> Iterator[dict[str, Any]]:
    count = len(episode)
    for step in range(count + 1):
        is_closing = step == count
        yield {
            'stamp': to_time(episode.stamps_s[step]),
            'step': step,
            'observation': episode.observations[step].tolist(),
            'action': [] if is_closing else episode.actions[step].tolist(),
            'proposed_action': [] if is_closing else episode.proposed_actions[step].tolist(),
            'reward': 0.0 if is_closing else float(episode.rewards[step]),
            'terminated': not is_closing and bool(episode.terminated[step]),
            'truncated': not is_closing and bool(episode.truncated[step]),
            'verdict': int(episode.verdicts[step]),
            'policy_version': episode.policy_versions[step],
            'picture_stamps': [to_time(film.stamps_s[step]) for film in episode.films.values()],
        }


def _parse_episode(path: Path) -> Episode:
    metadata = _parse_metadata(records(read_whole(path)))
    fixed = {
        key: json.loads(value) for key, value in metadata['episode'].items() if key != 'checksum'
    }
    steps = _steps(path)
    if len(steps) != fixed['steps'] or len(steps) < 2:
        raise ValueError(f'{len(steps)} steps of {fixed["steps"]}')
    transitions = steps[:-1]
    numbers = np.array([step.observation for step in steps], np.float32)
    names, numbers, films = _without_pixels(path, fixed['observation_names'], numbers)
    for index, (camera, kept) in enumerate(fixed.get('cameras', {}).items()):
        stamps_s = np.array([seconds(step.picture_stamps[index]) for step in steps])
        read = functools.partial(_read_film, path, camera, stamps_s)
        table = None if kept['table'] is None else np.array(kept['table'])
        films[camera] = Film((kept['size'][0], kept['size'][1]), stamps_s, read, table)
    return Episode(
        **{name: fixed[name] for name in _FIXED_FIELDS},
        observation_names=names,
        observations=numbers,
        actions=np.array([step.action for step in transitions], np.float32),
        proposed_actions=np.array([step.proposed_action for step in transitions], np.float32),
        rewards=np.array([step.reward for step in transitions], np.float32),
        terminated=np.array([step.terminated for step in transitions]),
        truncated=np.array([step.truncated for step in transitions]),
        stamps_s=np.array([seconds(step.stamp) for step in steps]),
        verdicts=np.array([step.verdict for step in steps], np.uint8),
        policy_versions=[step.policy_version for step in steps],
        metadata={key: json.loads(value) for key, value in metadata['episode_metadata'].items()},
        instruction=fixed.get('instruction', ''),
        films=films,
    )


def _steps(path: Path) -> list[SimpleNamespace]:
    steps: list[SimpleNamespace] = []
    for topic, message in messages(records(read_whole(path))):
        if topic != STEP_TOPIC:
            break  # pictures follow all steps; they are read when they are asked for
        if message.step != len(steps):
            raise ValueError(f'found step {message.step}, expected step {len(steps)}')
        steps.append(message)
    return steps


def _without_pixels(
    path: Path, names: Sequence[str], observations: np.ndarray
) -> tuple[Sequence[str], np.ndarray, dict[str, Film]]:
    """Take the pixels with which observations (N, O) of the old version may begin out of them."""
    found = re.fullmatch(r'image\[3,(\d+),(\d+)\]', names[0]) if names else None
    if found is None:
        return names, observations, {}
    height, width = int(found[1]), int(found[2])

    def compressed() -> list[bytes]:
        pixels = np.array([message.observation for message in _steps(path)], np.uint8)
        pictures = pixels[:, : 3 * height * width].reshape(-1, 3, height, width)
        return [encode_losslessly(np.moveaxis(picture, 0, -1)) for picture in pictures]

    numbers = observations[:, 3 * height * width :]
    film = Film((height, width), np.zeros(len(observations)), compressed)
    return names[1:], numbers, {_OLD_TOPIC: film}


def _parse_metadata(all_records: Iterator[McapRecord]) -> dict[str, dict[str, str]]:
    """Read and check the two metadata records, which come before all messages."""
    found: dict[str, dict[str, str]] = {}
    for record in all_records:
        if isinstance(record, Metadata):
            found[record.name] = record.metadata
        if {'episode', 'episode_metadata'} <= found.keys():
            break
    else:
        raise ValueError('an MCAP file, but not of an episode (no metadata record `episode`)')
    version = found['episode'].get('format_version')
    if version not in (json.dumps(_OLD_VERSION), json.dumps(FORMAT_VERSION)):
        known = f'{_OLD_VERSION} and {FORMAT_VERSION}'
        raise ValueError(f'format version {version}, this program reads {known}')
    if found['episode'].get('checksum') != _checksum(found):
        raise ValueError('its metadata was altered: the checksum differs')
    return found
