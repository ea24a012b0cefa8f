# SPDX-License-Identifier: Apache-2.0
"""The launch file beside that of the MuJoCo station, and the program that becomes Gazebo."""

import os
from pathlib import Path
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import yaml

from parl_launch.launch_file import read_launch_file
from widowx_gazebo.station_world import station_world
from widowx_sim.scene.task_scene import load_task_scene

PACKAGE = Path(__file__).parents[1]
BRINGUP = PACKAGE.parents[1] / 'ros2_ws/src/widowx_bringup'
TASKS = sorted((BRINGUP / 'config/tasks').glob('*.yaml'))
PROGRAMS = {
    'ros_gz_bridge': 'parameter_bridge',
    'widowx_gazebo': 'run_gazebo gazebo_arm_node',
    'widowx_sim': 'sim_node',
    'reward_detector': 'reward_detector_node',
    'widowx_driver': 'driver_node',
    'parl_policy': 'policy_node',
}


@pytest.fixture
def read(tmp_path):
    """Reads a launch file as if all its programs were installed."""
    for package, programs in PROGRAMS.items():
        folder = tmp_path / 'lib' / package
        folder.mkdir(parents=True)
        for program in programs.split():
            (folder / program).touch(0o755)

    def read_file(path, **arguments):
        return read_launch_file(path, arguments, lambda _name: tmp_path, os.environ)

    return read_file


def test_it_starts_what_sim_starts_with_gazebo_in_the_place_of_mujoco(read, tmp_path):
    there = read(PACKAGE / 'launch/gazebo.launch.yaml', target_delay='0.0', data_folder='/d')
    sim = read(BRINGUP / 'launch/sim.launch.yaml', data_folder='/d')
    names = [process.name for process in there]
    assert names == [
        'gazebo_bridge', 'gazebo', 'gazebo_arm', *(process.name for process in sim[1:])
    ]  # fmt: skip
    for ours, theirs in zip(there[3:], sim[1:], strict=True):
        assert ours == theirs
    assert [process.name for process in there if process.shutdown_on_exit] == ['gazebo']
    for process in there:
        assert '__ns:=/wx250s' in process.command


@pytest.mark.parametrize('path', TASKS, ids=lambda path: path.stem)
def test_one_argument_gives_every_node_the_task(read, path):
    processes = read(PACKAGE / 'launch/gazebo.launch.yaml', task=str(path))
    (gazebo,) = [process for process in processes if process.name == 'gazebo']
    assert gazebo.command[1:3] == (str(path), '-r')
    for process in processes[2:]:
        assert f'task_file:="{path}"' in process.command


def test_plain_for_ros2_launch():
    """As test/test_launch_files.py has it."""
    text = (PACKAGE / 'launch/gazebo.launch.yaml').read_text(encoding='utf-8')
    assert list(yaml.safe_load(text)) == ['launch']
    assert text.count('respawn:') == text.count("respawn: 'true'")


def run_gazebo(*arguments, **environment):
    command = [sys.executable, '-m', 'widowx_gazebo.run_gazebo', *arguments]
    given = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, env=given, check=False)


def test_gazebo_gets_the_world_of_the_task(gz, tmp_path):
    options = ('-r', '-s --headless-rendering', '--ros-args', '-r', '__ns:=/wx250s')
    done = run_gazebo(str(TASKS[1]), *options, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    *said, path = gz()
    assert said == ['sim', '-r', '-s', '--headless-rendering']
    text = Path(path).read_text(encoding='utf-8')
    assert text == station_world(load_task_scene(TASKS[1]))
    assert ElementTree.fromstring(text.encode()).find('world').get('name') == 'station'
    assert path in done.stdout


def test_what_it_lacks_is_one_line(tmp_path):
    nothing, nowhere = str(tmp_path / 'none.yaml'), str(tmp_path)
    for arguments, environment, said in (
        ((nothing, '-r'), {}, f'run_gazebo: {nothing}: '),
        ((str(TASKS[0]), '-r'), {'PATH': nowhere, 'TMPDIR': nowhere}, 'run_gazebo: gz: '),
        (('-r',), {}, 'usage: run_gazebo'),
    ):
        done = run_gazebo(*arguments, **environment)
        assert done.returncode == 2
        assert done.stderr.startswith(said)
        assert len(done.stderr.splitlines()) == 1
