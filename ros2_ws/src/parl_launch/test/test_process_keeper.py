# SPDX-License-Identifier: Apache-2.0
import asyncio
import sys

import pytest

from parl_launch.process_keeper import ProcessKeeper
from parl_launch.process_specification import ProcessSpecification


async def no_tidying() -> None:
    pass


def run(code: str, until: str, **limits: float) -> tuple[int, list[str]]:
    """Runs `code`, stops it at the line `until`; gives exit code and lines."""
    lines: list[str] = []

    async def keep() -> int:
        def write_line(name: str, line: str) -> None:
            lines.append(line)
            if line == until:
                keeper.stop(0)

        command = (sys.executable, '-c', code)
        specification = ProcessSpecification(name='one', command=command, **limits)
        keeper = ProcessKeeper([specification], write_line, no_tidying)
        return await asyncio.wait_for(keeper.run(), 20.0)

    return asyncio.run(keep()), lines


def test_process_that_ignores_sigint_gets_sigterm():
    code = """
import signal, sys, time
def end(number, frame):
    print('terminated')
    sys.exit()
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, end)
print('ready')
time.sleep(60)
"""
    exit_code, lines = run(code, 'ready', sigterm_timeout_s=0.2)
    assert exit_code == 0
    assert lines[-1] == 'terminated'


def test_process_that_ignores_everything_is_killed():
    code = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready')
time.sleep(60)
"""
    exit_code, lines = run(code, 'ready', sigterm_timeout_s=0.1, sigkill_timeout_s=0.1)
    assert exit_code == 0
    assert lines[-1] == 'ready'


def test_all_are_told_to_end_at_once(tmp_path):
    """As by `ros2 launch`: here each ends only when the others have been told, too."""
    code = f"""
from pathlib import Path
import os, signal, sys, time
def end(number, frame):
    Path({str(tmp_path)!r}, str(os.getpid())).touch()
    while len(os.listdir({str(tmp_path)!r})) < 3:
        time.sleep(0.02)
    print('ended')
    sys.exit()
signal.signal(signal.SIGINT, end)
print('ready')
time.sleep(60)
"""
    lines: list[tuple[str, str]] = []

    async def keep() -> int:
        def write_line(name: str, line: str) -> None:
            lines.append((name, line))
            if sum(line == 'ready' for _, line in lines) == 3:
                keeper.stop(0)

        keeper = ProcessKeeper(
            [
                ProcessSpecification(name=name, command=(sys.executable, '-c', code))
                for name in ('arm', 'driver', 'policy')
            ],
            write_line,
            no_tidying,
        )
        return await asyncio.wait_for(keeper.run(), 20.0)

    assert asyncio.run(keep()) == 0
    assert {name for name, line in lines if line == 'ended'} == {'arm', 'driver', 'policy'}


def test_long_line_and_line_without_end_arrive_whole():
    exit_code, lines = run("print('x' * 300000); print('rest', end='')", until='never')
    assert exit_code == 0
    assert 'x' * 300000 in lines
    assert 'rest' in lines


@pytest.mark.parametrize(
    ('code', 'ends_everything', 'starts'), [(2, True, 1), (2, False, 1), (1, True, 3)]
)
def test_who_gave_up_is_not_started_again_but_who_crashed_is(
    tmp_path, code, ends_everything, starts
):
    script = f"""
from pathlib import Path
import sys
count = Path({str(tmp_path / 'count')!r})
with count.open('a') as file:
    file.write('x')
sys.exit(0 if count.stat().st_size == 3 else {code})
"""
    specification = ProcessSpecification(
        name='one',
        command=(sys.executable, '-c', script),
        respawn=True,
        shutdown_on_exit=ends_everything,
    )
    keeper = ProcessKeeper([specification], lambda *_: None, no_tidying)
    exit_code = asyncio.run(asyncio.wait_for(keeper.run(), 20.0))
    assert exit_code == (2 if code == 2 else 0)
    assert len((tmp_path / 'count').read_text()) == starts


@pytest.mark.parametrize(
    ('end', 'said'),
    [
        ('os.kill(os.getpid(), 9)', ['tidied', 'started', 'tidied', 'started']),
        ('sys.exit(1)', ['tidied', 'started', 'started']),
    ],
)
def test_what_a_killed_process_left_is_removed_before_the_next_start(tmp_path, end, said):
    script = f"""
from pathlib import Path
import os, sys
flag = Path({str(tmp_path / 'flag')!r})
if not flag.exists():
    flag.touch()
    {end}
"""
    specification = ProcessSpecification(
        name='one', command=(sys.executable, '-c', script), respawn=True, shutdown_on_exit=True
    )
    happened: list[str] = []

    async def tidy() -> None:
        happened.append('tidied')

    def write_line(name: str, line: str) -> None:
        happened.extend(['started'] * line.startswith('process started'))

    keeper = ProcessKeeper([specification], write_line, tidy)
    assert asyncio.run(asyncio.wait_for(keeper.run(), 60.0)) == 0
    assert happened == said
