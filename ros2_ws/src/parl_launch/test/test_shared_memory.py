# SPDX-License-Identifier: Apache-2.0
"""Fast DDS's own tool on files like those of its segments and ports."""

import asyncio
from collections.abc import Iterator
import fcntl
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time
import uuid

import pytest

from parl_launch.shared_memory import remove_stale_shared_memory

SEGMENTS = Path('/dev/shm')

# A participant that says which segment is its own.
PARTICIPANT = """
from pathlib import Path
import rclpy, time
rclpy.init()
node = rclpy.create_node('one')
lines = Path('/proc/self/maps').read_text().splitlines()
own = next(line.split()[-1] for line in lines if '/dev/shm/fastrtps_' in line)
print('holds', own, flush=True)
time.sleep(600)
"""

needs_tool = pytest.mark.skipif(shutil.which('fastdds') is None, reason='no fastdds here')


@pytest.fixture
def segment() -> Iterator[Path]:
    path = SEGMENTS / f'fastrtps_{uuid.uuid4().hex[:16]}'
    lock = Path(f'{path}_el')
    path.touch()
    lock.touch()
    yield path
    path.unlink(missing_ok=True)
    lock.unlink(missing_ok=True)


def clean() -> None:
    asyncio.run(asyncio.wait_for(remove_stale_shared_memory(), 60.0))


@needs_tool
def test_a_segment_that_nobody_holds_is_removed_and_a_held_one_stays(segment):
    with Path(f'{segment}_el').open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clean()
        assert segment.exists()
    clean()
    assert not segment.exists()


def test_without_the_tool_nothing_is_done(segment, tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with Path(f'{segment}_el').open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others on this machine may remove it otherwise
        clean()
        assert segment.exists()


@needs_tool
def wait_until_ended(pid: int) -> None:
    """Wait for a process that is nobody's child here any more, and may be a zombie."""
    stat, end = Path(f'/proc/{pid}/stat'), time.monotonic() + 100.0
    while stat.exists() and stat.read_text(encoding='utf-8').rpartition(')')[2].split()[0] != 'Z':
        assert time.monotonic() < end, f'process {pid} still runs'
        time.sleep(0.02)


def test_a_killed_participant_and_a_killed_runner_leave_nothing_at_the_next_start(
    ros_domain_id, tmp_path
):
    (tmp_path / 'participant.py').write_text(PARTICIPANT, encoding='utf-8')
    path = tmp_path / 'test.launch.yaml'
    command = f'{sys.executable} $(dirname)/participant.py'
    path.write_text(
        f"launch: [{{executable: {{cmd: {command}, name: one, respawn: 'true'}}}}]",
        encoding='utf-8',
    )
    runners = []

    def start() -> Iterator[str]:
        runner = subprocess.Popen(
            [sys.executable, '-m', 'parl_launch.run', str(path)], stdout=subprocess.PIPE, text=True
        )
        runners.append(runner)
        return iter(runner.stdout)

    def said(lines: Iterator[str], word: str) -> str:
        return next(line.partition(word)[2].strip() for line in lines if word in line)

    try:
        lines = start()
        pid = int(said(lines, 'with pid'))
        first = Path(said(lines, 'holds'))
        assert first.exists()
        os.kill(pid, signal.SIGKILL)
        pid = int(said(lines, 'with pid'))
        second = Path(said(lines, 'holds'))
        assert second.exists()
        assert not first.exists()
        runners[0].kill()
        runners[0].wait()
        wait_until_ended(pid)  # it holds its memory as long as it lives
        third = Path(said(start(), 'holds'))
        assert third.exists()
        assert not second.exists()
    finally:
        for runner in runners:
            runner.terminate()
            runner.wait()
            runner.stdout.close()
    clean()
