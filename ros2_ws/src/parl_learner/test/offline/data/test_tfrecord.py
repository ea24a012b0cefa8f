# SPDX-License-Identifier: Apache-2.0
import struct

import numpy as np
import pytest

from parl_learner.offline.data.tfrecord import read_examples, TFRecordError


def message(number, payload):
    """A length-delimited protobuf field; lengths below 128 take one byte."""
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def entry(name, kind, content):
    feature = message(kind, content)
    return message(1, message(1, name.encode()) + message(2, feature))


def record(*entries):
    payload = message(1, b''.join(entries))
    return struct.pack('<Q', len(payload)) + b'\0' * 4 + payload + b'\0' * 4


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'data.tfrecord'


def test_all_three_kinds_of_feature(path):
    path.write_bytes(
        record(
            entry('words', 1, message(1, b'open') + message(1, b'shut')),
            entry('numbers', 2, message(1, struct.pack('<3f', 0.5, -2.0, 3.25))),
        )
        # packed integers: 1, 300 (two bytes), -1 (ten bytes, two's complement)
        + record(entry('counts', 3, message(1, b'\x01\xac\x02' + b'\xff' * 9 + b'\x01')))
        + record(entry('unpacked', 3, bytes([1 << 3, 5, 1 << 3, 7])))
    )
    first, second, third = read_examples(path)
    assert first['words'] == [b'open', b'shut']
    assert first['numbers'].tolist() == [0.5, -2.0, 3.25]
    assert second['counts'].tolist() == [1, 300, -1]
    assert third['unpacked'].tolist() == [5, 7]
    assert second['counts'].dtype == np.int64


def test_an_empty_file_has_no_records(path):
    path.write_bytes(b'')
    assert list(read_examples(path)) == []


@pytest.mark.parametrize('kept', [3, 11, 20, -1])
def test_a_file_cut_short_is_refused(path, kept):
    whole = record(entry('numbers', 2, message(1, struct.pack('<f', 1.0))))
    path.write_bytes(whole[:kept])
    with pytest.raises(TFRecordError, match=r'byte 0: .*fetch it again'):
        list(read_examples(path))


def test_a_field_longer_than_its_record_is_refused(path):
    payload = bytes([1 << 3 | 2, 50]) + b'abc'
    path.write_bytes(struct.pack('<Q', len(payload)) + b'\0' * 4 + payload + b'\0' * 4)
    with pytest.raises(TFRecordError, match='a field is longer'):
        list(read_examples(path))


def test_a_missing_file_says_how_to_point_at_the_data(path):
    with pytest.raises(TFRecordError, match='PARL_DATA'):
        list(read_examples(path))
