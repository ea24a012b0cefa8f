# SPDX-License-Identifier: Apache-2.0
"""Two kinds of robot data in TFRecord files: D4RL's kitchen and BridgeData V2."""

import contextlib
from pathlib import Path
from typing import TypeGuard

import numpy as np

from parl_files.recording.film import decode_picture, Film, PictureError
from parl_learner.offline.data.tfrecord import Feature, read_examples, TFRecordError
from parl_learner.offline.data.trajectory import RawEpisode
from parl_learner.offline.observations.keys import ObservationKeys, PLAIN
from parl_policy.episode.action_space import MAX_ROTATION_RAD, MAX_TRANSLATION_M

_LAST = 2
"""TF-Agents' StepType of an episode's last observation."""
_OBSERVATION, _INSTRUCTION = 'steps/observation/', 'language_instruction'
BRIDGE_RATE_HZ = 5.0
BRIDGE_LIMITS = np.array([MAX_TRANSLATION_M] * 3 + [MAX_ROTATION_RAD] * 3, np.float32)


def read_kitchen_tfrecord(path: Path) -> list[RawEpisode]:
    """Read demonstrations as TF-Agents stores them (google-research/ibc), one record per step.

    The record of step type 2 holds an episode's last observation; its action means nothing.

    Returns:
        Episodes of N steps. Observations (N, 60) are 9 arm and finger positions, 21 object
        positions and 30 goal positions; actions are (N, 9); rewards (N,) are the number of
        sub-tasks solved so far.

    Raises:
        TFRecordError: The file has another layout, or an episode has no end.
    """
    episodes: list[RawEpisode] = []
    steps: list[dict[str, Feature]] = []
    for example in read_examples(path):
        steps.append(example)
        if _step_type(example, path) == _LAST:
            episodes.append(_kitchen_episode(f'{path.name} episode {len(episodes)}', steps))
            steps = []
    if steps:
        raise TFRecordError(f'{path}: the last episode has no closing step; fetch it again')
    return episodes


def read_bridge_tfrecord(path: Path, keys: ObservationKeys = PLAIN) -> list[RawEpisode]:
    """Read BridgeData V2 in RLDS layout (octo), one record per episode, WidowX-250 at 5 Hz.

    Pictures stay compressed in memory, as in the file.

    Args:
        path: The file.
        keys: Entries of the observation that are pictures, such as `image_0`; all by their own
            names if none is named. And the entry with the instruction, `language_instruction` if
            none is named.

    Returns:
        Episodes of N steps. Observations (N, 7) are position [m], roll, pitch, yaw [rad] and
        gripper 0…1. Actions (N, 7) are divided by the limits of the station's action and clipped,
        the gripper is in [-1, 1]. The data has no successes: rewards (N,) are 0 and the last step
        is a time-out.

    Raises:
        TFRecordError: The file has another layout, or an entry is missing or holds no pictures.
    """
    episodes = []
    for number, example in enumerate(read_examples(path)):
        name = f'{path.name} snippet {number}'
        states = _floats(example, 'steps/observation/state', 7, name)
        commands = _floats(example, 'steps/action', 7, name)[:-1]
        actions = np.concatenate(
            [np.clip(commands[:, :6] / BRIDGE_LIMITS, -1.0, 1.0), 2.0 * commands[:, 6:] - 1.0],
            axis=1,
        )
        last = np.arange(len(actions)) == len(actions) - 1
        episodes.append(
            RawEpisode(
                name=name,
                observations=states[:-1],
                next_observations=states[1:],
                actions=actions,
                rewards=np.zeros(len(actions), np.float32),
                terminals=np.zeros(len(actions), np.bool_),
                timeouts=last,
                films={
                    camera: _film(example, key, len(states), name)
                    for camera, key in (keys.cameras or _pictures(example)).items()
                },
                instruction=_instruction(example, keys.instruction_key, name),
            )
        )
    return episodes


def _pictures(example: dict[str, Feature]) -> dict[str, str]:
    """Return the entries of observations that hold pictures, each by its own name."""
    found = {}
    for entry, values in sorted(example.items()):
        if entry.startswith(_OBSERVATION) and _is_texts(values):
            with contextlib.suppress(PictureError):  # else it is a text
                decode_picture(values[0])
                found[entry.removeprefix(_OBSERVATION)] = entry.removeprefix(_OBSERVATION)
    return found


def _film(example: dict[str, Feature], key: str, count: int, name: str) -> Film:
    pictures = example.get(f'{_OBSERVATION}{key}')
    if not _is_texts(pictures):
        found = 'missing' if pictures is None else f'an array of {len(pictures)} numbers'
        others = sorted(_pictures(example))
        raise TFRecordError(f'{name}: {key!r} in `cameras` is {found}; pictures are in {others}')
    if len(pictures) != count:
        raise TFRecordError(f'{name}: {key!r} has {len(pictures)} pictures for {count} states')
    try:
        height, width, _ = decode_picture(pictures[0]).shape
    except PictureError as error:
        raise TFRecordError(f'{name}: {key!r} in `cameras`: {error}') from error
    return Film((height, width), np.arange(count) / BRIDGE_RATE_HZ, lambda: pictures)


def _instruction(example: dict[str, Feature], key: str, name: str) -> str:
    found = [
        values
        for prefix in (_OBSERVATION, 'steps/')
        if (values := example.get(f'{prefix}{key or _INSTRUCTION}')) is not None
    ]
    if key and not (found and _is_texts(found[0])):
        raise TFRecordError(
            f'{name}: {key!r} in dataset.instruction_key is no text; the record has '
            f'{sorted(example)}'
        )
    return found[0][0].decode(errors='replace') if found and _is_texts(found[0]) else ''


def _is_texts(values: Feature | None) -> TypeGuard[list[bytes]]:
    return isinstance(values, list) and len(values) > 0


def _kitchen_episode(name: str, steps: list[dict[str, Feature]]) -> RawEpisode:
    columns = {
        key: np.concatenate([_floats(step, key, width, name) for step in steps])
        for key, width in (('observation', 60), ('action', 9), ('reward', 1))
    }
    rewards = columns['reward'][:-1, 0]
    last = np.arange(len(rewards)) == len(rewards) - 1
    solved = rewards >= 4.0
    return RawEpisode(
        name=name,
        observations=columns['observation'][:-1],
        next_observations=columns['observation'][1:],
        actions=columns['action'][:-1],
        rewards=rewards,
        terminals=solved & last,
        timeouts=~solved & last,
    )


def _step_type(example: dict[str, Feature], path: Path) -> int:
    content = example.get('step_type')
    if not isinstance(content, list) or not content:
        raise TFRecordError(f'{path}: no step_type in a record, which has {sorted(example)}')
    return int(np.frombuffer(content[0], '<i4')[0])


def _floats(example: dict[str, Feature], key: str, width: int, name: str) -> np.ndarray:
    values = example.get(key)
    if not isinstance(values, np.ndarray) or values.size == 0 or values.size % width:
        raise TFRecordError(f'{name}: {key} is not an array of rows of {width} numbers')
    return values.reshape(-1, width).astype(np.float32)
