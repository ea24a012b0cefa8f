# SPDX-License-Identifier: Apache-2.0
"""The runner as a user meets it: a real process that runs real processes."""

import os
from pathlib import Path
import queue
import signal
import subprocess
import sys
import threading
import time

import pytest

from parl_launch.launch_entry import LaunchError
from parl_launch.run import find_launch_file, parse_arguments

LIMIT_S = 100.0  # only a hang lasts so long

# Prints its pid, then lives until a SIGINT, which it counts.
LIVING = """
import signal, sys, time
count = 0
def on_interrupt(number, frame):
    global count
    count += 1
    print('interrupted', count)
signal.signal(signal.SIGINT, on_interrupt)
print('alive', __import__('os').getpid())
while not count:
    time.sleep(0.02)
time.sleep(0.3)
print('interrupts', count)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('alive', os.getpid())
time.sleep(600)
"""
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen(['sleep', '600'])
print('grandchild', child.pid)
print('alive', os.getpid())
time.sleep(600)
"""


class Runner:
    """`python3 -m parl_launch.run` with its output on a queue."""

    def __init__(self, launch_file: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'parl_launch.run', str(launch_file), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line.rstrip('\n'))

    def wait_for(self, text: str) -> str:
        """Gives what follows `text` in the next line that has it."""
        seen = []
        deadline = time.monotonic() + LIMIT_S
        while (left := deadline - time.monotonic()) > 0:
            try:
                seen.append(self.lines.get(timeout=left))
            except queue.Empty:
                break
            if text in seen[-1]:
                return seen[-1].partition(text)[2].strip()
        raise AssertionError(f'{text!r} was not printed; seen: {seen}')

    def wait(self) -> int:
        return self.process.wait(LIMIT_S)


@pytest.fixture
def start(tmp_path):
    runners = []

    def start_runner(text: str, *arguments: str) -> Runner:
        for name, code in (('living', LIVING), ('stubborn', STUBBORN), ('parent', PARENT)):
            (tmp_path / f'{name}.py').write_text(code, encoding='utf-8')
        path = tmp_path / 'test.launch.yaml'
        path.write_text(text.replace('PYTHON', sys.executable), encoding='utf-8')
        runners.append(Runner(path, *arguments))
        return runners[-1]

    yield start_runner
    for runner in runners:
        runner.process.kill()
        runner.process.wait()
        runner.process.stdout.close()


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + LIMIT_S
    while Path(f'/proc/{pid}').exists():
        stat = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
        if stat.rpartition(')')[2].split()[0] == 'Z':
            return  # dead; only nobody has collected it
        assert time.monotonic() < deadline, f'process {pid} is still there'
        time.sleep(0.02)


LIVING_ONE = 'launch: [{executable: {cmd: PYTHON $(dirname)/living.py, name: one}}]'


def test_prefixes_each_line_with_the_name(start):
    runner = start('launch: [{executable: {cmd: seq 2, name: one}}]')
    assert runner.wait_for('[one] 1') == ''
    assert runner.wait_for('[one] 2') == ''
    assert runner.wait() == 0


def test_ctrl_c_interrupts_once_and_waits_and_a_second_one_is_passed_on(start):
    runner = start(LIVING_ONE)
    pid = int(runner.wait_for('alive'))
    runner.process.send_signal(signal.SIGINT)
    assert runner.wait_for('interrupts') == '1'
    assert runner.wait() == 130
    wait_until_gone(pid)

    runner = start(LIVING_ONE)
    runner.wait_for('alive')
    runner.process.send_signal(signal.SIGINT)
    runner.wait_for('interrupted 1')
    runner.process.send_signal(signal.SIGINT)
    assert runner.wait_for('interrupts') == '2'
    assert runner.wait() == 130


def test_terminated_runner_ends_its_processes(start):
    runner = start(LIVING_ONE)
    pid = int(runner.wait_for('alive'))
    runner.process.terminate()
    assert runner.wait() == 143
    wait_until_gone(pid)


def test_killed_process_is_started_again(start):
    runner = start("""
launch:
  - executable:
      {cmd: PYTHON $(dirname)/living.py, name: one, respawn: 'true', respawn_delay: 0.2}
""")
    first = int(runner.wait_for('alive'))
    os.kill(first, signal.SIGKILL)
    assert runner.wait_for('process ended with exit code') == '137'
    second = int(runner.wait_for('alive'))
    assert second != first
    assert runner.process.poll() is None


def test_killed_runner_leaves_no_orphan(start):
    runner = start(LIVING_ONE.replace('living', 'stubborn'))
    pid = int(runner.wait_for('alive'))
    runner.process.kill()
    runner.wait()
    wait_until_gone(pid)


def test_end_of_the_main_process_ends_everything_with_its_code(start):
    runner = start("""
launch:
  - executable: {cmd: PYTHON $(dirname)/living.py, name: other, respawn: 'true'}
  - executable: {cmd: PYTHON -c "import time; time.sleep(1); exit(3)", on_exit: shutdown}
""")
    pid = int(runner.wait_for('alive'))
    assert runner.wait() == 3
    wait_until_gone(pid)


def test_main_process_that_may_respawn_ends_everything_only_when_it_succeeds(start, tmp_path):
    runner = start(f"""
launch:
  - arg: {{name: flag, default: {tmp_path}/flag}}
  - executable:
      cmd: sh -c 'test -f $(var flag) || {{ touch $(var flag); exit 5; }}'
      name: main
      respawn: 'true'
      on_exit: shutdown
""")
    assert runner.wait_for('process ended with exit code') == '5'
    assert runner.wait_for('process ended with exit code') == '0'
    assert runner.wait() == 0


def test_child_left_behind_by_a_process_ends_with_it(start):
    runner = start(LIVING_ONE.replace('living', 'parent'))
    grandchild = int(runner.wait_for('grandchild'))
    os.kill(int(runner.wait_for('alive')), signal.SIGKILL)
    assert runner.wait() == 137
    wait_until_gone(grandchild)


def test_program_that_is_not_there_ends_everything(start):
    runner = start("""
launch:
  - executable: {cmd: PYTHON $(dirname)/living.py, respawn: 'true'}
  - executable: {cmd: /absent/program, name: absent}
""")
    assert 'No such file' in runner.wait_for('[absent]')
    assert runner.wait() == 127


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['widowx_bringup', 'absent.launch.yaml'], 'sim.launch.yaml'),
        (['/absent.launch.yaml'], 'its package and its name'),
        (['absent_package', 'sim.launch.yaml'], "no package 'absent_package'"),
        (['widowx_bringup', 'sim.launch.yaml', 'more'], 'a path, or a package'),
    ],
)
def test_unknown_file_is_named_with_a_remedy(words, said):
    with pytest.raises(LaunchError, match=said):
        find_launch_file(words)


def test_bad_file_is_one_line_and_code_2(start):
    runner = start('launch: [{timer: {}}]')
    assert 'action not supported' in runner.wait_for('timer:')
    assert runner.wait() == 2


def test_arguments():
    assert parse_arguments(['a:=1', 'b:=x:=y', 'c:=']) == {'a': '1', 'b': 'x:=y', 'c': ''}
    with pytest.raises(LaunchError, match='task=cup'):
        parse_arguments(['task=cup'])
