# SPDX-License-Identifier: Apache-2.0
"""The driver as a process of its own, from its start to its end by a signal."""

import signal
import subprocess
import sys
import time

from driver_bench import FakeArm, SLEEP
import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor

START_LIMIT_S = END_LIMIT_S = 100.0  # only a hang lasts so long


class Process:
    """The real main() at a fake arm whose time stands still between commands."""

    def __init__(self, task_file, joints, finger_m):
        self.arm = FakeArm(joints, finger_m, lock_step_from_s=1000.0)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.arm)
        arguments = ['-r', '__node:=driver', '-r', '__ns:=/wx250s', '-p', 'use_sim_time:=true']
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'widowx_driver.ros.driver_node', '--ros-args', *arguments,
             '-p', f'task_file:={task_file}'],
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def wait(self, is_done, limit_s, what):
        end_s = time.monotonic() + limit_s
        while not is_done() and self.process.poll() is None:
            assert time.monotonic() < end_s, f'waited {limit_s} s for {what}'
            self._executor.spin_once(timeout_sec=0.05)
        assert is_done(), self.process.stderr.read().decode()

    def wait_for_end(self):
        self.wait(lambda: self.process.poll() is not None, END_LIMIT_S, 'its end')

    def close(self):
        self.process.kill()
        self.process.communicate()
        self._executor.shutdown()
        self.arm.destroy_node()


@pytest.fixture
def start_process(ros_domain, backend, task_file):
    processes = []

    def start(joints, finger_m):
        process = Process(task_file, joints, finger_m)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.close()


@pytest.fixture
def process(start_process, shell):
    """One that waits for go_to_start, with the arm at its start pose."""
    process = start_process(shell.start_command.joint_positions, shell.start_command.finger_m)
    said = process.arm.diagnostics
    process.wait(
        lambda: said and said[-1].status[0].message == 'waits for go_to_start',
        START_LIMIT_S,
        'a prepared driver',
    )
    return process


def test_ctrl_c_parks_and_neither_sigterm_nor_a_closed_terminal_ends_it(process, backend):
    if backend != 'direct':
        names = process.arm.get_node_names_and_namespaces()
        assert ('driver', '/wx250s') in names
        assert ('interbotix_driver', '/wx250s') in names
    process.process.send_signal(signal.SIGINT)
    process.wait(lambda: len(process.arm.groups) >= 5, END_LIMIT_S, 'the way to the rest pose')
    process.process.send_signal(signal.SIGTERM)  # as ros2 launch does after a while
    process.process.send_signal(signal.SIGHUP)
    process.wait_for_end()
    assert process.arm.joints == pytest.approx(SLEEP, abs=1e-6)
    assert process.process.returncode == 0
    assert 'torque_enable' not in process.arm.servos.services()
    assert 'parked: at the rest pose' in process.process.stderr.read().decode()


@pytest.mark.parametrize('backend', ['direct'], indirect=True)
def test_a_second_ctrl_c_leaves_the_arm_where_it_is(process):
    process.process.send_signal(signal.SIGINT)
    process.wait(lambda: len(process.arm.groups) >= 5, END_LIMIT_S, 'the way to the rest pose')
    process.process.send_signal(signal.SIGINT)
    process.wait_for_end()
    assert np.max(np.abs(np.subtract(process.arm.joints, SLEEP))) > 0.5


@pytest.mark.parametrize('backend', ['direct'], indirect=True)
def test_a_bad_task_file_ends_it_with_one_line(start_process, task_file):
    task_file.write_text('robot: 5', encoding='utf-8')
    process = start_process(SLEEP, 0.02)
    process.wait_for_end()
    said = process.process.stderr.read().decode()
    assert process.process.returncode == 2
    assert said.startswith(f'driver: {task_file}: robot is 5; give a text')
    assert 'Traceback' not in said
