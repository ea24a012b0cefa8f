# SPDX-License-Identifier: Apache-2.0
import dataclasses
import hashlib
import os

import pytest

from parl_files.artifact_store import (
    ArtifactDamagedError,
    ArtifactMissingError,
    ArtifactNameError,
    ArtifactStore,
    MAX_CHUNK_BYTES,
)
from parl_files.chunk_assembler import ChunkAssembler
from parl_files.durable_file import DurableWriteError

# Known sha256 of b'abc' (FIPS 180-2, appendix B.1).
ABC_SHA256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
BAD_NAMES = [
    '../policy-000001-ba7816bf8f01cfea.safetensors',
    '/etc/passwd',
    'policy-000001-ba7816bf8f01cfea.safetensors/../../secret',
    'policy-000001-ba7816bf8f01cfea.safetensors\n',
    'policy-1-ba7816bf8f01cfea.safetensors',
    '',
]


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / 'artifacts')


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / 'artifacts').write_bytes(b'')
    with pytest.raises(DurableWriteError, match=r'could not write .*artifacts: File exists'):
        ArtifactStore(tmp_path / 'artifacts')


def test_put_names_by_content(store):
    record = store.put('policy', 7, b'abc', 'safetensors')
    assert record.name == 'policy-000007-ba7816bf8f01cfea.safetensors'
    assert (record.version, record.bytes, record.sha256) == (7, 3, ABC_SHA256)
    assert store.path(record.name).read_bytes() == b'abc'
    assert store.verify(record.name) == record
    assert store.put('policy', 7, b'abc', 'safetensors') == record
    assert store.list('policy') == [record]


def test_lists_by_version_and_kind(store):
    records = [store.put('policy', version, b'%d' % version, 'bin') for version in (10, 2, 1)]
    store.put('critic', 99, b'c', 'bin')
    assert store.list('policy') == records[::-1]
    assert store.newest('policy') == records[0]
    assert store.newest('episode') is None


def test_of_one_version_the_latest_written_is_newest(store):
    first = store.put('policy', 3, b'before the crash', 'bin')
    second = store.put('policy', 3, b'after it', 'bin')
    os.utime(store.path(first.name), ns=(0, 2_000_000_000))
    os.utime(store.path(second.name), ns=(0, 3_000_000_000))
    assert store.newest('policy') == second


def test_damaged_files_are_reported_and_not_used(store):
    good = store.put('policy', 1, b'good', 'bin')
    bad = store.put('policy', 2, b'soon damaged', 'bin')
    store.path(bad.name).write_bytes(b'soon dam')
    assert store.list('policy') == [good]
    assert store.newest('policy') == good
    with pytest.raises(ArtifactDamagedError, match='has sha256'):
        store.verify(bad.name)
    with pytest.raises(ArtifactDamagedError, match=r'8 bytes, but 12 were announced.*fetch'):
        store.verify(bad.name, bad)
    (error,) = store.damaged('policy')
    assert bad.name in str(error)


def test_full_hash_of_the_announcement_is_checked(store):
    record = store.put('policy', 1, b'abc', 'bin')
    forged = dataclasses.replace(record, sha256=ABC_SHA256[:16] + 48 * '0')
    assert store.verify(record.name, record) == record
    with pytest.raises(ArtifactDamagedError):
        store.verify(record.name, forged)


@pytest.mark.parametrize('name', BAD_NAMES)
def test_paths_and_foreign_names_are_refused(store, name):
    for call in (store.path, store.verify, store.size, lambda n: store.read_chunk(n, 0, 1)):
        with pytest.raises(ArtifactNameError, match='artifact name'):
            call(name)


@pytest.mark.parametrize(
    ('kind', 'version', 'extension'),
    [('../x', 1, 'bin'), ('Policy', 1, 'bin'), ('policy', -1, 'bin'), ('policy', 1, 'a/b')],
)
def test_put_refuses_parts_that_make_no_name(store, kind, version, extension):
    with pytest.raises(ArtifactNameError):
        store.put(kind, version, b'x', extension)
    assert list(store.folder.iterdir()) == []


def test_missing_file_is_named(store):
    name = 'policy-000001-ba7816bf8f01cfea.bin'
    with pytest.raises(ArtifactMissingError, match=f'{name} is not in'):
        store.verify(name)


def test_foreign_and_partial_files_are_ignored(store):
    record = store.put('policy', 1, b'x', 'bin')
    (store.folder / 'notes.txt').write_text('hello')
    (store.folder / f'{record.name}.0123.partial').write_bytes(b'half')
    assert store.list('policy') == [record]
    ArtifactStore(store.folder)
    assert sorted(path.name for path in store.folder.iterdir()) == ['notes.txt', record.name]


def test_read_chunk_limits(store):
    data = bytes(range(256)) * 8192  # 2 MiB
    name = store.put('critic', 1, data, 'bin').name
    assert store.size(name) == len(data)
    assert store.read_chunk(name, 3, 4) == b'\x03\x04\x05\x06'
    assert len(store.read_chunk(name, 0, 1 << 30)) == MAX_CHUNK_BYTES
    assert store.read_chunk(name, len(data), 10) == b''
    with pytest.raises(ValueError, match='offset -1'):
        store.read_chunk(name, -1, 10)


def transfer(store, record, folder, corrupt=lambda data: data):
    assembler = ChunkAssembler(folder, record)
    while not assembler.is_complete:
        offset = assembler.next_offset
        data = store.read_chunk(record.name, offset, assembler.next_length)
        assembler.add(offset, corrupt(data))
    return assembler.finish()


def test_transfer_in_chunks_arrives_whole(store, tmp_path):
    data = os.urandom(MAX_CHUNK_BYTES * 2 + 17)
    record = store.put('policy', 4, data, 'bin')
    path = transfer(store, record, tmp_path)
    assert path.read_bytes() == data
    assert path.name == record.name


def test_altered_transfer_is_refused_and_leaves_nothing(store, tmp_path):
    record = store.put('policy', 4, b'0123456789', 'bin')
    with pytest.raises(ArtifactDamagedError, match='the bytes that came have sha256'):
        transfer(store, record, tmp_path, lambda data: data[::-1])
    assert not (tmp_path / record.name).exists()


def test_record_whose_hash_is_not_in_its_name_is_refused(store, tmp_path):
    record = store.put('policy', 4, b'abc', 'bin')
    other = dataclasses.replace(record, sha256=hashlib.sha256(b'xyz').hexdigest())
    assembler = ChunkAssembler(tmp_path, other)
    assembler.add(0, b'xyz')
    with pytest.raises(ArtifactDamagedError):
        assembler.finish()


def test_chunks_must_follow_each_other_and_fit(store, tmp_path):
    record = store.put('policy', 4, b'0123456789', 'bin')
    assembler = ChunkAssembler(tmp_path, record)
    assembler.add(0, b'0123')
    with pytest.raises(ArtifactDamagedError, match='at byte 8, expected 4'):
        assembler.add(8, b'89')
    with pytest.raises(ArtifactDamagedError, match='ends after 4 bytes, but 10 were announced'):
        assembler.add(4, b'')
    with pytest.raises(ArtifactDamagedError, match='11 bytes came'):
        assembler.add(4, b'4567890')
    with pytest.raises(ArtifactDamagedError, match='4 of 10 bytes came'):
        assembler.finish()


def test_assembler_refuses_a_path_as_name(store, tmp_path):
    record = store.put('policy', 4, b'x', 'bin')
    with pytest.raises(ArtifactNameError):
        ChunkAssembler(tmp_path, dataclasses.replace(record, name='../' + record.name))
