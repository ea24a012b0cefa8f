# SPDX-License-Identifier: Apache-2.0
import errno
import os
from pathlib import Path
import signal
import stat
import subprocess
import sys

import pytest

from parl_files.durable_file import (
    DurableWriteError,
    make_folder,
    PARTIAL_SUFFIX,
    sweep_partial,
    write_durably,
)

MIB = 1 << 20

# Writes a first half, says so, and waits to be killed in the middle of the file.
WRITE_AND_HANG = """
import sys, time
from pathlib import Path
from parl_files.durable_file import write_durably

def write(file):
    file.write(b'half of it' * 1000)
    file.flush()
    print('writing', flush=True)
    time.sleep(60)

write_durably(Path(sys.argv[1]), write)
"""

# A file may not grow beyond the limit: the kernel fails the write as a full disk does.
WRITE_BEYOND_LIMIT = """
import resource, sys
from pathlib import Path
from parl_files.durable_file import DurableWriteError, write_durably

resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    write_durably(Path(sys.argv[1]), bytes(1 << 20))
except DurableWriteError as error:
    print(f'named: {error}')
"""


def run_python(code: str, path: Path) -> subprocess.Popen[str]:
    source = str(Path(sys.modules['parl_files.durable_file'].__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, '-c', f'import sys; sys.path.insert(0, {source!r})\n{code}', str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_writes_bytes_and_replaces(tmp_path):
    path = tmp_path / 'a.bin'
    assert write_durably(path, b'first, and longer') == path
    write_durably(path, b'second')
    assert path.read_bytes() == b'second'
    assert list(tmp_path.iterdir()) == [path]


def test_writer_function_fills_the_file(tmp_path):
    write_durably(tmp_path / 'a.bin', lambda file: file.write(b'streamed'))
    assert (tmp_path / 'a.bin').read_bytes() == b'streamed'


def test_content_is_on_the_disk_before_it_has_its_name_and_the_name_at_the_end(
    tmp_path, monkeypatch
):
    path = tmp_path / 'a.bin'
    write_durably(path, b'old')
    synced = []

    def note(descriptor):
        status = os.fstat(descriptor)
        is_folder = stat.S_ISDIR(status.st_mode)
        synced.append(('folder' if is_folder else status.st_size, path.read_bytes()))

    monkeypatch.setattr(os, 'fsync', note)
    write_durably(path, b'longer')
    assert synced == [(6, b'old'), ('folder', b'longer')]


def test_folders_are_made_with_those_they_are_in(tmp_path):
    folder = tmp_path / 'a/b'
    assert make_folder(folder) == folder
    assert make_folder(folder).is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    for folder in (tmp_path / 'file', tmp_path / 'file/below', Path('/proc/nowhere')):
        with pytest.raises(DurableWriteError, match=f'could not write {folder}: .*repeat'):
            make_folder(folder)


def test_failing_writer_leaves_nothing_and_its_error_comes_through(tmp_path):
    def write(file):
        file.write(b'half')
        raise RuntimeError('network gone')

    (tmp_path / 'a.bin').write_bytes(b'old')
    with pytest.raises(RuntimeError, match='network gone'):
        write_durably(tmp_path / 'a.bin', write)
    assert [path.name for path in tmp_path.iterdir()] == ['a.bin']
    assert (tmp_path / 'a.bin').read_bytes() == b'old'


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(DurableWriteError, match=r'nowhere.*No such file.*repeat') as caught:
        write_durably(tmp_path / 'nowhere' / 'a.bin', b'x')
    assert caught.value.path == tmp_path / 'nowhere' / 'a.bin'
    assert caught.value.free_bytes is None


def test_kill_in_the_middle_leaves_no_final_file_and_sweep_cleans_up(tmp_path):
    path = tmp_path / 'episode.mcap'
    with run_python(WRITE_AND_HANG, path) as process:
        assert process.stdout.readline() == 'writing\n'
        assert sweep_partial(tmp_path) == []  # its writer lives
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    leftovers = list(tmp_path.iterdir())
    assert len(leftovers) == 1
    assert leftovers[0].suffix == PARTIAL_SUFFIX
    assert leftovers[0].stat().st_size == 10000
    assert not path.exists()
    assert sweep_partial(tmp_path) == leftovers
    assert list(tmp_path.iterdir()) == []


def test_sweep_keeps_finished_files_and_takes_a_missing_folder(tmp_path):
    write_durably(tmp_path / 'a.bin', b'x')
    assert sweep_partial(tmp_path) == []
    assert sweep_partial(tmp_path / 'nowhere') == []
    assert (tmp_path / 'a.bin').exists()


def test_a_folder_that_cannot_be_synced_does_not_cost_the_new_file(tmp_path, monkeypatch):
    path = tmp_path / 'learner.checkpoint'
    write_durably(path, b'old')
    sync = os.fsync

    def fail_for_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, 'Invalid argument')
        sync(descriptor)

    monkeypatch.setattr(os, 'fsync', fail_for_folders)
    with pytest.raises(DurableWriteError, match='Invalid argument'):
        write_durably(path, b'new')
    assert path.read_bytes() == b'new'
    assert list(tmp_path.iterdir()) == [path]


def test_file_size_limit_is_a_named_error_and_leaves_nothing(tmp_path):
    path = tmp_path / 'big.bin'
    with run_python(WRITE_BEYOND_LIMIT, path) as process:
        output = process.communicate(timeout=100)[0]
    assert f'named: could not write {path}' in output
    assert 'no half file was left behind' in output
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_a_named_error_and_leaves_nothing(tmp_path):
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', str(tmp_path)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip('no mount command')
    if mounted.returncode != 0:
        pytest.skip(f'may not mount a tiny disk here: {mounted.stderr.strip()}')
    try:
        write_durably(tmp_path / 'small.bin', bytes(MIB // 4))
        with pytest.raises(DurableWriteError, match=r'big\.bin: No space left') as caught:
            write_durably(tmp_path / 'big.bin', bytes(2 * MIB))
        assert [path.name for path in tmp_path.iterdir()] == ['small.bin']
        assert caught.value.free_bytes > MIB // 2  # the half-written file gave its space back
        write_durably(tmp_path / 'after.bin', bytes(MIB // 4))
    finally:
        subprocess.run(['umount', str(tmp_path)], check=True)
