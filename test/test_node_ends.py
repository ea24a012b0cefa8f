# SPDX-License-Identifier: Apache-2.0
"""How a node ends that cannot begin: one line that names what is wrong, and exit code 2."""

import importlib
from pathlib import Path
import signal
import sys

import pytest

TASK_FILE = Path(__file__).parents[1] / 'ros2_ws/src/widowx_bringup/config/tasks/cup_to_rack.yaml'
NODES = {
    'parl_policy.ros.policy_node': 'policy',
    'parl_policy.ros.play_node': 'play',
    'reward_detector.ros.reward_detector_node': 'reward_detector',
    'widowx_bringup.ros.station_display_node': 'station_display',
    'widowx_driver.ros.driver_node': 'driver',
    'widowx_sim.ros.demonstrator_node': 'demonstrator',
    'widowx_sim.ros.sim_node': 'sim',
}
"""Name at the beginning of the line, by module."""
CASES = {
    'absent': (['-p', 'task_file:=/absent.yaml'], ['/absent.yaml']),
    'empty': (['-p', "task_file:=''"], ['parameter task_file is empty; give']),
    'a_folder': (['-p', 'task_file:=/'], ['/: ', 'Is a directory']),
    'number': (['-p', 'task_file:=5'], ["'task_file' to '5'", 'give a value of that type']),
    'no_value': (['-p', 'task_file'], ["'-p task_file'", 'write -p name:=value']),
}


@pytest.fixture
def start(ros_domain_id, monkeypatch, capfd, tmp_path):
    """A function that runs a node's main() and gives its exit code and the line it says."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(module, *arguments):
        node = importlib.import_module(module)
        if module == 'parl_policy.ros.policy_node':
            arguments = (*arguments, '-p', f'data_folder:={tmp_path}')
        monkeypatch.setattr(sys, 'argv', [module, '--ros-args', *arguments])
        with pytest.raises(SystemExit) as end:
            node.main()
        *others, last = capfd.readouterr().err.splitlines()
        assert all(line.startswith('[ERROR]') for line in others), 'rclpy logs, nobody else speaks'
        return end.value.code, last

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('module', NODES)
def test_a_task_file_that_cannot_be_used(start, module, case):
    arguments, words = CASES[case]
    code, said = start(module, *arguments)
    assert code == 2
    assert said.startswith(f'{NODES[module]}: ')
    for word in words:
        assert word in said


@pytest.mark.parametrize('module', NODES)
def test_a_task_file_that_is_not_utf_8(start, module, tmp_path):
    path = tmp_path / 'latin.yaml'
    path.write_bytes('robot: Gerät'.encode('latin-1'))
    code, said = start(module, '-p', f'task_file:={path}')
    assert code == 2
    assert said.startswith(f'{NODES[module]}: ')
    assert str(path) in said
    assert 'utf-8' in said.lower()


@pytest.mark.parametrize(
    ('module', 'name', 'value'),
    [
        ('parl_policy.ros.policy_node', 'camera_period_s', 'abc'),
        ('parl_policy.ros.policy_node', 'target_delay_s', '0'),
        ('parl_policy.ros.play_node', 'optimise', 'maybe'),
        ('widowx_driver.ros.driver_node', 'watch_effort', '1'),
        ('widowx_sim.ros.demonstrator_node', 'jitter', '1'),
        ('widowx_sim.ros.sim_node', 'speed', 'fast'),
    ],
)
def test_a_parameter_of_the_wrong_type(start, module, name, value):
    code, said = start(module, '-p', f'task_file:={TASK_FILE}', '-p', f'{name}:={value}')
    assert code == 2
    assert said.startswith(f"{NODES[module]}: Trying to set parameter '{name}' to '{value}'")
    assert 'give a value of that type' in said


def test_a_parameter_that_makes_no_sense(start):
    code, said = start(
        'widowx_sim.ros.sim_node', '-p', f'task_file:={TASK_FILE}', '-p', 'pacing:=spinning'
    )
    assert code == 2
    assert said == "sim: parameters of sim: pacing is 'spinning': give lockstep or realtime"
