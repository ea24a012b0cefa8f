# SPDX-License-Identifier: Apache-2.0
"""The production launch files start the nodes of the design with what those nodes declare."""

from itertools import pairwise
import json
import os
from pathlib import Path
import re

import pytest
import yaml

from widowx_bringup.launch_entry import LaunchError
from widowx_bringup.launch_file import read_launch_file

ROOT = Path(__file__).parents[1]
LAUNCH = ROOT / 'ros2_ws/src/widowx_bringup/launch'
STATION = ['sim', 'reward_detector', 'driver', 'policy']


@pytest.fixture
def find_prefix():
    packages = pytest.importorskip('ament_index_python.packages', reason='no ROS 2 here')
    return lambda name: Path(packages.get_package_prefix(name))


@pytest.fixture
def read(find_prefix):
    def read_file(name, **arguments):
        return read_launch_file(LAUNCH / name, arguments, find_prefix, os.environ)

    return read_file


def parameters_of(process):
    """Parameters by name as the node gets them on its command line."""
    words = process.command
    pairs = [b.split(':=', 1) for a, b in pairwise(words) if a == '-p']
    return {name: json.loads(value) for name, value in pairs}


def test_sim_starts_the_station_in_the_robots_namespace(read):
    processes = read('sim.launch.yaml', robot_name='left_arm')
    assert [process.name for process in processes] == STATION
    for process in processes:
        assert '__ns:=/left_arm' in process.command
        assert process.respawn
        profile = Path(process.environment['FASTRTPS_DEFAULT_PROFILES_FILE'])
        assert '<segment_size>33554432</segment_size>' in profile.read_text(encoding='utf-8')


def test_demo_adds_the_learning_side_and_ends_with_the_experiment(read, tmp_path):
    processes = read('demo.launch.yaml', report_folder=str(tmp_path))
    assert [process.name for process in processes] == [
        *STATION,
        'demonstrator',
        'learner',
        'experiment',
    ]
    assert [process.name for process in processes if process.shutdown_on_exit] == ['experiment']
    for process in processes:
        assert '__ns:=/wx250s' in process.command
        assert process.respawn
        assert process.respawn_delay_s == 2.0
        parameters = parameters_of(process)
        if process.name != 'sim':
            assert parameters['use_sim_time'] is True
        for name in set(parameters) & {'task_file', 'experiment_file'}:
            assert Path(parameters[name]).is_file()
        if process.name in ('policy', 'learner', 'experiment'):
            assert parameters['data_folder'] == str(tmp_path)


def test_demo_needs_a_report_folder(read):
    with pytest.raises(LaunchError, match='report_folder:=<value>'):
        read('demo.launch.yaml')


def sources_behind(path, seen):
    """Text of a module and of all modules of this tree that it imports, directly or not."""
    if path in seen:
        return ''
    seen.add(path)
    text = path.read_text(encoding='utf-8')
    for package, module in re.findall(r'from (\w+)(?:\.(\w+))? import', text):
        for folder in ('ros2_ws/src', 'sim'):
            imported = ROOT / folder / package / package / f'{module}.py'
            if imported.is_file():
                text += sources_behind(imported, seen)
    return text


def test_nodes_declare_every_parameter_they_are_given(read, tmp_path):
    for process in read('demo.launch.yaml', report_folder=str(tmp_path)):
        program = Path(process.command[0])
        package = program.parent.name
        (path,) = (
            path
            for folder in ('ros2_ws/src', 'sim')
            for path in (ROOT / folder / package / package).glob(f'{program.name}.py')
        )
        sources = sources_behind(path, set())
        for name in set(parameters_of(process)) - {'use_sim_time'}:
            assert re.search(rf'\b{name}\b', sources), f'{process.name} has no parameter {name}'


def named_in(name):
    """Package, executable and name of each node of a launch file, without resolving it."""
    found = []

    def walk(tree):
        if isinstance(tree, dict):
            if 'pkg' in tree:
                found.append((tree['pkg'], tree['exec'], tree['name']))
            tree = list(tree.values())
        if isinstance(tree, list):
            for branch in tree:
                walk(branch)

    walk(yaml.safe_load((LAUNCH / name).read_text(encoding='utf-8')))
    return found


def test_hardware_starts_what_sim_starts_with_the_real_arm_and_camera_in_its_place():
    simulated, real = named_in('sim.launch.yaml'), named_in('hardware.launch.yaml')
    assert simulated[0] == ('widowx_sim', 'sim_node', 'sim')
    assert real[0] == ('usb_cam', 'usb_cam_node_exe', 'camera')
    assert real[1:] == simulated[1:]


def test_hardware_says_what_is_not_installed(read):
    packages = pytest.importorskip('ament_index_python.packages', reason='no ROS 2 here')
    if 'interbotix_xsarm_control' in packages.get_packages_with_prefixes():
        pytest.skip('the vendor packages are installed')
    with pytest.raises(LaunchError, match='interbotix_xsarm_control'):
        read('hardware.launch.yaml', task='task.yaml')
    processes = read('hardware.launch.yaml', start_arm='false', start_camera='false')
    assert [process.name for process in processes] == STATION[1:]
    for process in processes:
        assert '__ns:=/wx250s' in process.command
        assert 'use_sim_time' not in parameters_of(process)


@pytest.mark.parametrize('path', sorted(LAUNCH.glob('*.yaml')), ids=lambda path: path.name)
def test_plain_for_ros2_launch(path):
    """What `ros2 launch` of Jazzy takes and our runner would not notice."""
    text = path.read_text(encoding='utf-8')
    for match in re.finditer(r'respawn: *(\S+)', text):
        assert match[1] == "'true'", 'Jazzy reads respawn as text, not as a YAML bool'
    assert list(yaml.safe_load(text)) == ['launch']
    assert len(text.splitlines()) <= 90, path.name
