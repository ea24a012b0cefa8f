# SPDX-License-Identifier: Apache-2.0
"""The whole graph as `make demo` starts it, and a witness of what its nodes say."""

from collections.abc import Callable, Iterator
import contextlib
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml

pytest.importorskip('rclpy', reason='no ROS 2 in this Python')

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile

from parl_msgs.msg import Artifact, EndEffectorTarget, EpisodeStatus, LearnerStatus

HERE = Path(__file__).parent
TASK_FILE = HERE.parents[1] / 'ros2_ws/src/widowx_bringup/config/tasks/cup_to_rack.yaml'
TAIL_LINES = 80


class Launched:
    """A launch file, run by the runner; keeps every line that it prints."""

    def __init__(self, folder: Path, file: str, **arguments: object):
        self.folder = folder
        """Data folder of the experiment."""
        self.lines: list[str] = []
        words = [f'{name}:={value}' for name, value in arguments.items()]
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'parl_launch.run', 'widowx_bringup', file, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait(self, is_done: Callable[[], object], what: str, limit_s: float) -> None:
        """Wait until something is so; say what the graph printed if it does not come."""
        end = time.monotonic() + limit_s
        while not is_done():
            assert self._process.poll() is None, f'ended before {what}:\n{self.tail()}'
            assert time.monotonic() < end, f'no {what} in {limit_s:.0f} s:\n{self.tail()}'
            time.sleep(0.02)

    def wait_until_ended(self, limit_s: float) -> int:
        """Give the exit code."""
        try:
            code = self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f'still running after {limit_s:.0f} s:\n{self.tail()}')
        self._reader.join()
        return code

    def has_printed(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in self.lines)

    def kill(self, name: str) -> None:
        """Kill -9 the process that a node runs in."""
        os.kill(self._pid(name), signal.SIGKILL)

    @contextlib.contextmanager
    def standing_still(self, name: str) -> Iterator[None]:
        """Stop a node, as a busy machine may, and let it go on afterwards."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def tail(self) -> str:
        return '\n'.join(self.lines[-TAIL_LINES:])

    def close(self) -> None:
        if self._process.poll() is None:
            self.interrupt()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(300.0)
            self._process.kill()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _pid(self, name: str) -> int:
        pids = [re.match(rf'\[{name}\] +process started with pid (\d+)', x) for x in self.lines]
        return int([pid for pid in pids if pid][-1][1])

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self.folder.with_suffix('.log').open('a', encoding='utf-8') as log:
            for line in self._process.stdout:
                self.lines.append(line.rstrip('\n'))
                log.write(f'{time.time():.3f} {line}')


class Witness:
    """Hears what the nodes tell each other, in a thread of its own."""

    def __init__(self):
        self.episodes: list[EpisodeStatus] = []
        self.artifacts: list[Artifact] = []
        self.executed = EndEffectorTarget()
        self.learner = LearnerStatus()
        self.node = node = rclpy.create_node('witness', namespace='/wx250s')
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(EpisodeStatus, 'episode', self.episodes.append, latched)
        node.create_subscription(Artifact, 'artifact', self.artifacts.append, latched)
        node.create_subscription(EndEffectorTarget, 'executed_target', self._on_executed, 10)
        node.create_subscription(LearnerStatus, 'learner_status', self._on_learner, 10)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def started(self) -> list[str]:
        """Ids of the episodes that began to run, each attempt."""
        return [e.episode_id for e in self.episodes if e.state == EpisodeStatus.RUNNING]

    def close(self) -> None:
        self._is_closing.set()
        self._thread.join()
        self._executor.shutdown()

    def _spin(self) -> None:
        # Not spin(): an executor shut down while it spins may end its thread with an error.
        while not self._is_closing.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def _on_executed(self, message: EndEffectorTarget) -> None:
        self.executed = message

    def _on_learner(self, message: LearnerStatus) -> None:
        self.learner = message


@pytest.fixture
def witness(ros_domain):
    witness = Witness()
    yield witness
    witness.close()


@pytest.fixture
def task_file(tmp_path):
    """The demo's task with short episodes: the script needs little more than 20 steps."""
    task = yaml.safe_load(TASK_FILE.read_text(encoding='utf-8'))
    path = tmp_path / 'task.yaml'
    path.write_text(yaml.safe_dump({**task, 'horizon': 25}), encoding='utf-8')
    return path


@pytest.fixture
def launch(ros_domain_id, tmp_path):
    """A function that starts a launch file; what it started ends with the test."""
    started = []

    def start(file, folder='report', **arguments):
        started.append(Launched(tmp_path / folder, file, **arguments))
        return started[-1]

    yield start
    for launched in started:
        launched.close()


@pytest.fixture
def start_demo(launch, tmp_path, task_file):
    """A function that starts the graph, with changes to the mini experiment."""

    def start(folder='report', **changes):
        config = yaml.safe_load((HERE / 'mini_experiment.yaml').read_text(encoding='utf-8'))
        learning = {**config['learning'], **changes.pop('learning', {})}
        path = tmp_path / 'experiment.yaml'
        config = {**config, **changes, 'learning': learning}
        path.write_text(yaml.safe_dump(config), encoding='utf-8')
        arguments = {'report_folder': tmp_path / folder, 'experiment': path, 'task': task_file}
        return launch('demo.launch.yaml', folder, **arguments)

    return start
