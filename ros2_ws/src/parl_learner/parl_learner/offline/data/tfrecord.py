# SPDX-License-Identifier: Apache-2.0
"""A reader of TFRecord files of tf.train.Example that does not need TensorFlow.

A record is its length (uint64), checksum, payload and payload's checksum, all little-endian
(tensorflow.org/tutorials/load_data/tfrecord). An Example is a protobuf: field 1 Features, a map
from name (1) to Feature (2), which is a list of bytes (1), floats (2, packed) or integers (3).
"""

from collections.abc import Iterator
from pathlib import Path
import struct

import numpy as np

from parl_files.error import ParlError

Feature = list[bytes] | np.ndarray
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class TFRecordError(ParlError):
    """A file is missing, truncated or not a TFRecord of Examples."""


def read_examples(path: Path) -> Iterator[dict[str, Feature]]:
    """Yield the features of each record, by name.

    Bytes become a list, floats (n,) float32, integers (n,) int64. Checksums are not verified; the
    lengths show that a file is truncated or of another kind.

    Raises:
        TFRecordError: The message says at which byte the file is damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TFRecordError(
            f'cannot read {path}: {error}; check the data folder (of parl-train: --data or '
            'PARL_DATA)'
        ) from error
    position = 0
    while position < len(data):
        try:
            (length,) = struct.unpack_from('<Q', data, position)
            end = position + 12 + length
            if end + 4 > len(data):
                raise TFRecordError(f'a record of {length} bytes does not fit')
            yield _example(memoryview(data)[position + 12 : end])
        except (TFRecordError, struct.error, ValueError, IndexError, KeyError) as error:
            raise TFRecordError(f'{path}, byte {position}: {error}; fetch it again') from error
        position = end + 4


def _example(payload: memoryview) -> dict[str, Feature]:
    features: dict[str, Feature] = {}
    for _, map_of_features in _fields(payload):
        for _, entry in _fields(_bytes(map_of_features)):
            named = dict(_fields(_bytes(entry)))
            features[bytes(_bytes(named[1])).decode()] = _feature(_bytes(named[2]))
    return features


def _feature(payload: memoryview) -> Feature:
    for kind, content in _fields(payload):
        values = [value for _, value in _fields(_bytes(content))]
        if kind == 1:
            return [bytes(_bytes(value)) for value in values]
        if kind == 2:
            return np.frombuffer(b''.join(_bytes(value) for value in values), '<f4')
        if kind == 3:
            numbers: list[int] = []
            for value in values:
                numbers += [value] if isinstance(value, int) else _varints(value)
            return np.array(numbers, dtype=np.uint64).astype(np.int64)
    return []


def _fields(payload: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    position = 0
    while position < len(payload):
        tag, position = _varint(payload, position)
        kind = tag & 7
        if kind == _VARINT:
            value, position = _varint(payload, position)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, position = _varint(payload, position)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise TFRecordError(f'wire type {kind}: not an Example')
        if position + length > len(payload):
            raise TFRecordError('a field is longer than its record')
        yield tag >> 3, payload[position : position + length]
        position += length


def _varint(payload: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = payload[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _varints(payload: memoryview) -> Iterator[int]:
    position = 0
    while position < len(payload):
        value, position = _varint(payload, position)
        yield value


def _bytes(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise TFRecordError('a number where a message should be: not an Example')
    return value
