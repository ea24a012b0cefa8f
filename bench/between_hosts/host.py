# SPDX-License-Identifier: Apache-2.0
"""A host of its own on this machine: network, shared memory and data folder are not shared."""

import contextlib
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import threading

END_S = 120.0


class Program:
    """A program on a host; keeps every line that it prints."""

    def __init__(self, command: list[str], log: Path) -> None:
        """Start it."""
        self.lines: list[str] = []
        self._log = log
        environment = {**os.environ, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=environment,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def count(self, pattern: str) -> int:
        """Count the lines in which a pattern occurs."""
        return sum(bool(re.search(pattern, line)) for line in list(self.lines))

    def kill(self, node: str) -> None:
        """Kill -9 the process in which a node runs."""
        started = rf'\[{node}\] +process started with pid (\d+)'
        pids = [found[1] for line in list(self.lines) if (found := re.search(started, line))]
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pids[-1]), signal.SIGKILL)

    def close(self) -> None:
        """Ctrl-C, and what does not end by it is killed."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._log.open('a', encoding='utf-8') as log, self._process.stdout as lines:
            for line in lines:
                self.lines.append(line.rstrip('\n'))
                log.write(line)
                log.flush()


class Host:
    """A network namespace with one device, and a folder that is its shared memory."""

    def __init__(self, name: str, device: str, address: str, folder: Path) -> None:
        """Make the namespace and move the device into it.

        Raises:
            subprocess.CalledProcessError: This process may not make namespaces.
            OSError: There is no program `ip`.
        """
        self.folder = folder
        self._name = name
        self._programs: list[Program] = []
        for part in ('data', 'memory'):
            (folder / part).mkdir(parents=True)
        _ip('netns', 'add', name)
        _ip('link', 'set', device, 'netns', name)
        for words in (
            'link set lo up multicast on',
            f'addr add {address}/24 dev {device}',
            f'link set {device} up',
            f'route add 224.0.0.0/4 dev {device}',
        ):
            _ip('-n', name, *words.split())

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / 'data'

    def launch(self, file: str, **arguments: object) -> Program:
        """Run a launch file of widowx_bringup."""
        words = [f'{name}:={value}' for name, value in arguments.items()]
        return self.run(file, '-m', 'parl_launch.run', 'widowx_bringup', file, *words)

    def run(self, log: str, *words: str) -> Program:
        """Run Python."""
        own_memory = f'mount --bind {self.folder / "memory"} /dev/shm && exec "$@"'
        command = ['ip', 'netns', 'exec', self._name, 'sh', '-c', own_memory, 'sh']
        program = Program([*command, sys.executable, *words], self.folder / f'{log}.log')
        self._programs.append(program)
        return program

    def close(self) -> None:
        """End its programs and remove it."""
        for program in reversed(self._programs):
            program.close()
        _ip('netns', 'del', self._name)


def _ip(*words: str) -> None:
    subprocess.run(['ip', *words], check=True, capture_output=True, text=True)
