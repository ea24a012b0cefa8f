# SPDX-License-Identifier: Apache-2.0
"""Measures what a control step in lock-step costs: wall time, and processor time by node and kind.

The whole experiment runs as `demo.launch.yaml` starts it, with next to no learning. Processor time
is read from /proc when an episode is recorded, so start and end of the nodes do not count. With
`--kinds`, py-spy samples the Python stacks of each node meanwhile, which costs some percent; a
sample belongs to the kind of the innermost function that is listed in `sampling/stack_kinds.py`.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
import time

from decision_latency import running
from sampling.stack_kinds import kind_of, KINDS

from parl_learner.offline.run.whole_number import at_least_1

SETTINGS = (
    'demonstrations={0} warm_up_episodes={0} practice_episodes={0} episodes_per_round={0} '
    'evaluation_episodes={0} learning.imitation_steps=20 learning.offline_critic_steps=20 '
    'learning.policy_updates_per_step=0.02 learning.critic_updates_per_step=0.02'
)
PHASES = 6  # demonstrations, practice and four evaluations
NODES = ('sim', 'reward_detector', 'driver', 'policy', 'demonstrator', 'experiment', 'learner')
SKIPPED = 3  # episodes until every node has been warmed up
SAMPLES_PER_S = 50
LIMIT_S = 600.0


@dataclass(frozen=True)
class Reading:
    """Totals at one moment."""

    wall_s: float
    """Of episodes that were played to their end; the waits between attempts are not in it."""
    steps: int
    episodes: int
    processor_s: dict[str, float]


def node_processes(launcher: int) -> dict[str, int]:
    """Return the process ids of the nodes under a launcher, by node."""
    found = {}
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            words = (folder / 'cmdline').read_bytes().decode().split('\0')
            parent = int((folder / 'stat').read_text().rpartition(')')[2].split()[1])
        except (OSError, ValueError):
            continue
        names = [word.removeprefix('__node:=') for word in words if word.startswith('__node:=')]
        if parent == launcher and names:
            found[names[0]] = int(folder.name)
    return found


def processor_s(process: int) -> float:
    """Return the processor time of a process so far, its threads included [s]."""
    fields = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def read(record: Path, processes: dict[str, int]) -> Reading:
    """Read the record of the experiment and the processor times."""
    lines = record.read_text(encoding='utf-8').splitlines() if record.exists() else []
    steps = [json.loads(line) for line in lines]
    return Reading(
        wall_s=sum(step['seconds'] for step in steps if step['steps']),
        steps=sum(step['steps'] for step in steps),
        episodes=sum(step['steps'] > 0 for step in steps),
        processor_s={name: processor_s(process) for name, process in processes.items()},
    )


class Sampler:
    """Samples the stacks of processes until it is stopped."""

    def __init__(self, processes: dict[str, int], folder: Path) -> None:
        """Start one sampler a process."""
        self._files = {name: folder / f'{name}.stacks' for name in processes}
        self._samplers = [
            subprocess.Popen(
                [
                    *('py-spy', 'record', '--pid', str(process), '--output', self._files[name]),
                    *('--rate', str(SAMPLES_PER_S), '--format', 'raw'),
                    *('--duration', 'unlimited', '--nonblocking'),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name, process in processes.items()
        ]

    def kinds(self) -> dict[str, Counter[str]]:
        """Stop, and return for each process how many samples belong to a kind."""
        for sampler in self._samplers:
            sampler.send_signal(2)
        for sampler in self._samplers:
            sampler.wait(timeout=60.0)
        found = {}
        for name, path in self._files.items():
            counts = found[name] = Counter[str]()
            for line in path.read_text(encoding='utf-8').splitlines():
                stack, _, count = line.rpartition(' ')
                counts[kind_of(stack.split(';'))] += int(count)
        return found


def measure(folder: Path, per_phase: int, with_kinds: bool) -> tuple[Reading, Reading, dict]:
    """Run the experiment; return the first and last reading, and the samples by node and kind."""
    command = [sys.executable, '-m', 'parl_launch.run', 'widowx_bringup', 'demo.launch.yaml']
    command += [f'report_folder:={folder / "report"}', f'set:={SETTINGS.format(per_phase)}']
    record = folder / 'report/experiment.jsonl'
    end_s = time.monotonic() + LIMIT_S
    with running(command, folder / 'log') as launcher:
        first = last = sampler = None
        processes: dict[str, int] = {}
        while last is None or last.episodes < PHASES * per_phase:
            time.sleep(0.05)
            if time.monotonic() > end_s or launcher.poll() is not None:
                sys.exit(f'step_cost: the experiment did not end:\n{(folder / "log").read_text()}')
            if set(processes) < set(NODES):
                processes = node_processes(launcher.pid)
                continue
            reading = read(record, processes)
            if first is None and reading.episodes >= SKIPPED:
                first = reading
                sampler = Sampler(processes, folder) if with_kinds else None
            if last is None or reading.episodes > last.episodes:
                last = reading
        kinds = sampler.kinds() if sampler else {}
    assert first is not None
    return first, last, kinds


def table(first: Reading, last: Reading, kinds: dict[str, Counter[str]]) -> str:
    """Return the result as Markdown, in milliseconds a step."""
    steps = last.steps - first.steps
    wall_ms = 1e3 * (last.wall_s - first.wall_s) / steps
    spent = {
        name: 1e3 * (last.processor_s[name] - first.processor_s[name]) / steps for name in NODES
    }
    lines = [
        f'{last.episodes - first.episodes} episodes, {steps} steps: {wall_ms:.1f} ms of wall '
        f'time and {sum(spent.values()):.1f} ms of processor time a step.',
        '',
    ]
    shown = [kind for kind in KINDS if any(kind in counts for counts in kinds.values())]
    lines += [f'| node | processor [ms] | {" | ".join(shown)} |', '|---' * (2 + len(shown)) + '|']
    for name in NODES:
        counts = kinds.get(name, Counter())
        total = sum(counts.values()) or 1
        parts = [f'{spent[name] * counts[kind] / total:.1f}' for kind in shown]
        lines.append(f'| {" | ".join([name, f"{spent[name]:.1f}", *parts])} |')
    return '\n'.join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--episodes', type=at_least_1, default=16, help='of each of six phases')
    parser.add_argument('--kinds', action='store_true', help='sample the stacks, too')
    given = parser.parse_args()
    if given.kinds and shutil.which('py-spy') is None:
        sys.exit('step_cost: --kinds needs py-spy; pip install py-spy==0.4.1')
    with tempfile.TemporaryDirectory() as name:
        print(table(*measure(Path(name), given.episodes, given.kinds)))


if __name__ == '__main__':
    main()
