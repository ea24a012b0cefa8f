# SPDX-License-Identifier: Apache-2.0
"""Drills an experiment whose station and learner are on two hosts with a data folder each.

The hosts are two network namespaces of this machine, joined by a link that delays, loses and can
be cut. They share neither network nor shared memory, so that all between them goes over UDP. Each
run is a small experiment in real time: did each episode cost the robot's time once?
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
import contextlib
from dataclasses import dataclass, field
import os
from pathlib import Path
import platform
import subprocess
import sys
import tempfile
import time

from between_hosts.host import Host, Program
from between_hosts.link import Link
import numpy as np
import yaml

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_file import read_episode
from parl_files.yaml_file import load_yaml
from parl_learner.experiment.record import ExperimentRecord
from parl_learner.plan.experiment_config import load_experiment
from parl_learner.plan.schedule import EpisodeStep, planned_steps

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / 'ros2_ws/src/widowx_bringup/config'
EXPERIMENT = ROOT / 'test/system/mini_experiment.yaml'
HORIZON = 25
LIMIT_S = 900.0
IN_EPISODE_S = 2.0
"""Time after the end of an episode or a version at which the next episode runs [s]."""
PHASES = (
    r'demonstrations +1/',
    r'learning version 1',
    r'version 1 learned',
    r'practice +1/',
    r'version 3 learned',
)
"""Lines of the experiment after which something is killed: once in each phase."""

AGAIN = '(will be played again|is asked for again)'


@dataclass(frozen=True)
class Setting:
    """What is between the hosts, and what happens to them."""

    name: str
    delay_s: float = 0.0
    loss: float = 0.0
    cut_s: float = 0.0
    killed: str = ''
    """Node that is killed once in each phase."""
    hosts: int = 2


SETTINGS = (
    Setting('one host', hosts=1),
    Setting('two hosts'),
    Setting('delay 100 ms', delay_s=0.1),
    Setting('delay 200 ms', delay_s=0.2),
    Setting('loss 5 %', loss=0.05),
    Setting('cut for 60 s in practice', cut_s=60.0),
    Setting('policy node killed in each phase', killed='policy'),
    Setting('experiment killed in each phase', killed='experiment'),
    Setting('learner killed in each phase', killed='learner'),
)


@dataclass
class Seen:
    """What an experiment has left."""

    end: str = ''
    wall_s: float = 0.0
    planned: int = 0
    recorded: int = 0
    files: dict[str, Counter[str]] = field(default_factory=dict)
    """Files of each played episode, by host."""
    periods_ms: np.ndarray = field(default_factory=lambda: np.zeros(0))
    carried_mb: float = 0.0
    stopped: int = 0
    """Episodes that the arm stopped: an untrained policy presses it against something."""
    asked_again: int = 0
    """Episodes that were asked for again for another reason."""

    def row(self, name: str) -> str:
        """Return the row of the table."""
        station, learner = self.files['station'], self.files['learner']
        most = max([*station.values(), *learner.values()], default=0)
        p50, p99 = np.percentile(self.periods_ms, [50, 99]) if self.periods_ms.size else (0, 0)
        return (
            f'| {name} | {len(station)} of {self.planned} | {len(learner)} | {most} | '
            f'{self.recorded} | {self.stopped} | {self.asked_again} | {p50:.0f} | {p99:.0f} | '
            f'{self.carried_mb:.1f} | {self.wall_s:.0f} | {self.end} |'
        )


HEAD = (
    '| setting | episodes at the station | at the learner | most files of an episode | '
    'in the record | stopped by the arm | asked for again | control period p50 [ms] | p99 | '
    'over the link [MB] | wall [s] | end |\n|---|---|---|---|---|---|---|---|---|---|---|---|'
)


def no_hosts() -> str:
    """Say why this process cannot make hosts; empty if it can."""
    try:
        with tempfile.TemporaryDirectory() as folder, hosts(Setting('try'), Path(folder)):
            return ''
    except subprocess.CalledProcessError as error:
        return f'{" ".join(error.cmd)}: {error.stderr.strip()}'
    except OSError as error:
        return str(error)


@contextlib.contextmanager
def hosts(setting: Setting, folder: Path) -> Iterator[tuple[Host, Host, Link]]:
    """Make station and learner with a link between them."""
    tag = f'{os.getpid() % 10000}'
    devices = (f'parl{tag}a', f'parl{tag}b')
    with contextlib.ExitStack() as stack:
        link = Link(devices, setting.delay_s, setting.loss)
        stack.callback(link.close)
        made = []
        for index, name in enumerate(('station', 'learner')):
            address = f'10.77.0.{index + 1}'
            made.append(Host(f'{name}{tag}', devices[index], address, folder / name))
            stack.callback(made[-1].close)
        yield made[0], made[1], link


def play(setting: Setting, folder: Path) -> Seen:
    """Run the experiment once."""
    task = folder / 'task.yaml'
    task.parent.mkdir(parents=True)
    given = load_yaml(CONFIG / 'tasks/cup_to_rack.yaml')
    task.write_text(yaml.safe_dump({**given, 'horizon': HORIZON}), encoding='utf-8')
    with hosts(setting, folder) as (station, learner, link):
        place = learner if setting.hosts == 2 else station
        sim = station.launch(
            'sim.launch.yaml',
            task=task,
            data_folder=station.data,
            pacing='realtime',
            target_delay=0.08,
        )
        station.run('demonstrator', *demonstrator(task))
        begin = time.monotonic()
        experiment = place.launch(
            'experiment.launch.yaml',
            task=task,
            data_folder=place.data,
            experiment=EXPERIMENT,
            use_sim_time='true',
        )
        disturb(setting, link, sim, experiment)
        wait(experiment, lambda: False, begin + LIMIT_S)
        seen = look(station.data, place.data)
        seen.wall_s = time.monotonic() - begin
        seen.end = end_of(experiment)
        seen.stopped = experiment.count(f'{AGAIN}: the arm holds')
        seen.asked_again = experiment.count(AGAIN) - seen.stopped
        seen.carried_mb = link.carried_bytes / 1e6
    return seen


def demonstrator(task: Path) -> list[str]:
    """Return the command of the scripted demonstrator."""
    words = ['-m', 'widowx_sim.ros.demonstrator_node', '--ros-args', '-r', '__ns:=/wx250s']
    words += ['-r', '__node:=demonstrator', '--params-file', str(CONFIG / 'demonstrator.yaml')]
    return [*words, '-p', 'use_sim_time:=true', '-p', f'task_file:={task}']


def disturb(setting: Setting, link: Link, sim: Program, experiment: Program) -> None:
    """Do what the setting says to the running experiment."""
    end = time.monotonic() + LIMIT_S
    if setting.cut_s:
        wait(experiment, lambda: experiment.count(PHASES[3]), end)
        time.sleep(IN_EPISODE_S)
        link.is_cut = True
        time.sleep(setting.cut_s)
        link.is_cut = False
    if setting.killed:
        for line in PHASES:
            wait(experiment, lambda line=line: experiment.count(line), end)
            time.sleep(IN_EPISODE_S)
            if experiment.exit_code is None:
                (sim if setting.killed == 'policy' else experiment).kill(setting.killed)


def wait(program: Program, is_done: Callable[[], object], end: float) -> None:
    """Wait until something is so, the program has ended, or it is too late."""
    while program.exit_code is None and time.monotonic() < end and not is_done():
        time.sleep(0.05)


def end_of(experiment: Program) -> str:
    """Say how it ended."""
    if experiment.exit_code is None:
        return f'still running after {LIMIT_S:.0f} s'
    if experiment.exit_code == 0:
        return 'report'
    said = [line for line in experiment.lines if 'experiment stopped' in line]
    return said[-1] if said else f'exit code {experiment.exit_code}'


def look(station: Path, learner: Path) -> Seen:
    """Count what the folders hold."""
    plan = planned_steps(load_experiment(EXPERIMENT))
    seen = Seen(planned=sum(isinstance(step, EpisodeStep) for step in plan))
    names = [step.name for step in ExperimentRecord(learner).steps()]
    seen.recorded = sum(not name.startswith('version-') for name in names)
    periods: list[float] = []
    for host, folder in (('station', station), ('learner', learner)):
        store = ArtifactStore(folder / 'artifacts')
        episodes = [read_episode(store.path(r.name)) for r in store.list('episode')]
        played = [episode for episode in episodes if episode.outcome.is_played]
        seen.files[host] = Counter(episode.episode_id for episode in played)
        if host == 'station':
            periods = [1e3 * gap for e in played for gap in np.diff(e.stamps_s)]
    seen.periods_ms = np.array(periods)
    return seen


def main() -> None:
    """Print the table; a drill that fails is seen in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [setting.name for setting in SETTINGS]
    parser.add_argument('--only', choices=names, nargs='+', default=names, help='settings')
    parser.add_argument('--logs', type=Path, help='where folders and logs are kept (new)')
    given = parser.parse_args()
    if why := no_hosts():
        print(f'two_hosts: skipped, as this process may not make network namespaces: {why}')
        return
    print(f'{platform.processor() or platform.machine()}, {os.cpu_count()} cores\n\n{HEAD}')
    with tempfile.TemporaryDirectory() as name:
        for setting in SETTINGS:
            if setting.name in given.only:
                folder = (given.logs or Path(name)).absolute() / setting.name.replace(' ', '_')
                print(play(setting, folder).row(setting.name), flush=True)


if __name__ == '__main__':
    sys.exit(main())
