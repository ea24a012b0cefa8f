# SPDX-License-Identifier: Apache-2.0
"""The production launch files start the nodes of the design with what those nodes declare."""

from itertools import pairwise
import json
import os
from pathlib import Path
import re

import pytest
import yaml

from parl_launch.launch_entry import LaunchError
from parl_launch.launch_file import read_launch_file
from parl_learner.plan.experiment_config import load_experiment

ROOT = Path(__file__).parents[1]
LAUNCH = ROOT / 'ros2_ws/src/widowx_bringup/launch'
TASKS = LAUNCH.parent / 'config/tasks'
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


@pytest.mark.parametrize('path', sorted(TASKS.glob('*.yaml')), ids=lambda path: path.stem)
def test_every_task_is_about_the_robot_whose_namespace_is_launched(path):
    """Frames begin with `robot`, topics with the namespace; displays know one name for both."""
    robot = yaml.safe_load(path.read_text(encoding='utf-8'))['robot']
    text = ''.join(file.read_text(encoding='utf-8') for file in LAUNCH.glob('*.yaml'))
    assert set(re.findall(r'namespace: (\S+)', text)) == {robot}
    rviz = (LAUNCH.parent / 'config/station.rviz').read_text(encoding='utf-8')
    assert set(re.findall(r'TF Prefix: (\S+)', rviz)) == {robot}
    assert f'Fixed Frame: {robot}/base_link' in rviz


def parameters_of(process):
    """Parameters by name as the node gets them on its command line."""
    words = process.command
    pairs = [b.split(':=', 1) for a, b in pairwise(words) if a == '-p']
    return {name: json.loads(value) for name, value in pairs}


def test_sim_starts_the_station_in_the_robots_namespace(read):
    processes = read('sim.launch.yaml')
    assert [process.name for process in processes] == STATION
    for process in processes:
        assert '__ns:=/wx250s' in process.command
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
        # Those that ask for no time would only be woken by the clock.
        has_clock = process.name not in ('sim', 'demonstrator', 'experiment')
        assert parameters.get('use_sim_time', False) is has_clock
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
    for package, module in re.findall(r'from (\w+)\.([\w.]+) import', text):
        for folder in ('ros2_ws/src', 'sim'):
            imported = ROOT / folder / package / package / f'{module.replace(".", "/")}.py'
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
            for path in (ROOT / folder / package / package).glob(f'ros/{program.name}.py')
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
    if 'usb_cam' in packages.get_packages_with_prefixes():
        pytest.skip('the camera driver is installed')
    with pytest.raises(LaunchError, match='usb_cam'):
        read('hardware.launch.yaml', task='task.yaml')
    processes = read('hardware.launch.yaml', start_camera='false')
    assert [process.name for process in processes] == STATION[1:]
    for process in processes:
        assert '__ns:=/wx250s' in process.command
        assert 'use_sim_time' not in parameters_of(process)


def test_experiment_runs_beside_the_real_station(read, tmp_path):
    task = tmp_path / 'task.yaml'
    station = read(
        'hardware.launch.yaml', start_camera='false', task=str(task), data_folder=str(tmp_path)
    )
    processes = read('experiment.launch.yaml', task=str(task), data_folder=str(tmp_path))
    assert [process.name for process in processes] == ['learner', 'experiment']
    learner, experiment = (parameters_of(process) for process in processes)
    assert experiment['task_file'] == str(task)
    assert load_experiment(Path(learner['experiment_file'])).demonstrator == 'operator/act'
    assert learner['experiment_file'] == experiment['experiment_file']
    (policy,) = [parameters_of(process) for process in station if process.name == 'policy']
    for parameters in (learner, experiment):
        assert not parameters.get('use_sim_time')
        assert parameters['data_folder'] == policy['data_folder']


def test_only_a_simulated_arm_is_described_by_us():
    """On the real station the vendor's launch file starts a robot_state_publisher itself."""
    tree = yaml.safe_load((LAUNCH / 'rviz.launch.yaml').read_text(encoding='utf-8'))
    nodes = [
        action['node']
        for group in tree['launch']
        for action in group.get('group', [])
        if 'node' in action
    ]
    conditions = {node['exec']: node.get('if') for node in nodes}
    assert conditions == {
        'robot_state_publisher': '$(var use_sim_time)',
        'station_display_node': None,
        'rviz2': None,
    }


def test_driver_parks_while_arm_or_simulation_is_there(read):
    simulated = read('sim.launch.yaml')
    real = read('hardware.launch.yaml', start_camera='false')
    for process in (*simulated, *real):
        if process.name == 'driver':
            # From anywhere in the workspace it takes up to 10 s; a simulation may be slower.
            assert process.sigterm_timeout_s >= 30.0
    assert simulated[0].name == 'sim'  # it stays until nobody commands it any more
    # What is launched together gets one Ctrl-C, and xs_sdk would end at once.
    assert 'interbotix' not in (LAUNCH / 'hardware.launch.yaml').read_text(encoding='utf-8')


@pytest.mark.parametrize('path', sorted(LAUNCH.glob('*.yaml')), ids=lambda path: path.name)
def test_plain_for_ros2_launch(path):
    """What `ros2 launch` of Jazzy takes and our runner would not notice."""
    text = path.read_text(encoding='utf-8')
    for match in re.finditer(r'respawn: *(\S+)', text):
        assert match[1] == "'true'", 'Jazzy reads respawn as text, not as a YAML bool'
    assert list(yaml.safe_load(text)) == ['launch']
    assert len(text.splitlines()) <= 90, path.name
