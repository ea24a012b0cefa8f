# SPDX-License-Identifier: Apache-2.0
"""Invariants of the Docker files; no image is built here."""

from pathlib import Path
import re
import shutil
import subprocess

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / 'docker'


@pytest.fixture(scope='module')
def instructions():
    """(instruction, arguments) of the Dockerfile, in order, continued lines joined."""
    text = re.sub(r'^\s*#.*\n', '', (DOCKER / 'Dockerfile').read_text(), flags=re.MULTILINE)
    lines = re.sub(r'\\\n', ' ', text).splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


@pytest.fixture(scope='module')
def stages(instructions):
    """Base and instructions by the name of the stage."""
    found = {}
    for word, rest in instructions:
        if word == 'FROM':
            base, _, name = rest.partition(' AS ')
            found[name] = (base, [])
        else:
            found[name][1].append((word, rest))
    return found


def inherited(stages, name):
    base, own = stages[name]
    return (inherited(stages, base) if base in stages else []) + own


@pytest.fixture(scope='module')
def services():
    return yaml.safe_load((DOCKER / 'compose.yaml').read_text())['services']


def test_every_stage_stands_on_a_pinned_jazzy(stages):
    outside = {base for base, _ in stages.values()} - set(stages)
    assert outside == {'ros:jazzy-ros-base-noble'}
    assert set(stages) >= {'station', 'learner-gpu', 'test'}
    assert list(stages)[-1] == 'station'


@pytest.mark.parametrize('name', ['station', 'learner-gpu', 'test'])
def test_stage_installs_by_set_up_and_runs_as_nobody_special(stages, name):
    steps = inherited(stages, name)
    assert [user for word, user in steps if word == 'USER'][-1] == '1000:1000'
    runs = [rest for word, rest in steps if word == 'RUN']
    assert sum('environment/set_up.sh' in run for run in runs) == 1
    for run in runs:
        assert 'pip install' not in run
        assert 'colcon' not in run
        if 'apt-get install' in run:
            assert '--no-install-recommends' in run
            assert 'rm -rf /var/lib/apt/lists/*' in run


def test_system_packages_are_those_that_set_up_asks_for(stages):
    (run,) = [rest for word, rest in stages['base'][1] if 'apt-get install' in rest]
    listed = set(run.partition('recommends')[2].partition('&&')[0].split())
    asked = (ROOT / 'environment/set_up.sh').read_text()
    for package in listed - {'python3-venv', 'python3-dev'}:
        assert package in asked, package
    (libraries,) = re.findall(r'for package in (lib[^;]*);', asked)
    assert set(libraries.split()) <= listed


def test_services_have_devices_shared_memory_and_a_gentle_end(stages, services):
    assert set(services) == {'arm', 'robot', 'learner'}
    for service in services.values():
        assert service['build']['target'] in stages
        assert (DOCKER / service['build']['context'] / service['build']['dockerfile']).is_file()
        assert service['ipc'] == service['network_mode'] == 'host'
        assert service['stop_signal'] == 'SIGINT'
        assert re.fullmatch(r'[\w-]+:\d+\.\d+\.\d+', service['image'])
        assert 'privileged' not in service
        # The driver parks the arm, and then the graph ends.
        assert float(service['stop_grace_period'].removesuffix('s')) >= 60.0
    arm, robot, learner = (services[name] for name in ('arm', 'robot', 'learner'))
    assert (arm['devices'], arm['group_add']) == (['/dev/ttyDXL:/dev/ttyDXL'], ['dialout'])
    assert robot['group_add'] == ['video']
    assert robot['depends_on'] == ['arm']  # so that it parks the arm before that ends
    # xs_sdk lets go of a raised arm at its start; a finished experiment would be begun again.
    assert [service['restart'] for service in (arm, robot, learner)] == [
        'no', 'unless-stopped', 'no',
    ]  # fmt: skip
    (gpu,) = services['learner']['deploy']['resources']['reservations']['devices']
    assert gpu['capabilities'] == ['gpu']


def test_what_the_commands_start_is_there(stages):
    for name, (package, kind, file) in {
        'station': ('widowx_bringup', 'launch', 'hardware.launch.yaml'),
        'learner-gpu': ('parl_learner', 'parl_learner/ros', 'learner_node.py'),
    }.items():
        (command,) = [rest for word, rest in stages[name][1] if word == 'CMD']
        assert package in command
        assert file.removesuffix('.py') in command
        assert (ROOT / 'ros2_ws/src' / package / kind / file).is_file()


def test_services_launch_what_is_there_with_arguments_it_takes(services):
    for name, file in (('robot', 'hardware'), ('learner', 'experiment')):
        named = f'{file}.launch.yaml'
        assert services[name]['command'][:4] == ['ros2', 'launch', 'widowx_bringup', named]
        tree = yaml.safe_load(
            (ROOT / 'ros2_ws/src/widowx_bringup/launch' / named).read_text(encoding='utf-8')
        )
        known = {action['arg']['name'] for action in tree['launch'] if 'arg' in action}
        given = dict(word.split(':=') for word in services[name]['command'][4:])
        assert set(given) <= known
        for value in given.values():
            if default := re.fullmatch(r'\$\{\w+:-/parl/(.*)\}', value):
                assert (ROOT / default[1]).is_file()
            else:
                assert value == '/data'


def test_entrypoint_is_sound_bash():
    script = DOCKER / 'entrypoint.sh'
    assert script.stat().st_mode & 0o111
    subprocess.run(['bash', '-n', script], check=True)


@pytest.mark.skipif(not shutil.which('hadolint'), reason='hadolint is not installed')
def test_hadolint():
    subprocess.run(['hadolint', DOCKER / 'Dockerfile'], check=True)
