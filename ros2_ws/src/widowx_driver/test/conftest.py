# SPDX-License-Identifier: Apache-2.0
"""The cup-to-rack task as the driver reads it, and a shell that has started there."""

from pathlib import Path

import pytest

from widowx_driver.arm_state import ArmState
from widowx_driver.driver_config import DriverConfig
from widowx_driver.safety_shell import SafetyShell
from widowx_driver.task_file import load_driver_task

TASK_TEXT = """
task: test
robot: wx250s
control_rate_hz: 5.0
start: {position: [0.28, 0.02, 0.18], roll_pitch_yaw: [0.0, 0.0, 0.0], gripper: 1.0}
workspace: {low: [0.18, -0.22, 0.025], high: [0.40, 0.26, 0.22], max_tilt: 0.30, max_yaw: 0.57}
"""


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    path = tmp_path / 'task.yaml'
    path.write_text(TASK_TEXT, encoding='utf-8')
    return path


@pytest.fixture
def task(task_file):
    return load_driver_task(task_file)


@pytest.fixture
def shell(task):
    return SafetyShell(DriverConfig(), task)


@pytest.fixture
def state_at_start(shell):
    start = shell.start_command
    return ArmState(stamp_s=100.0, joint_positions=start.joint_positions, finger_m=start.finger_m)


@pytest.fixture
def started(shell, state_at_start):
    shell.start(state_at_start, 100.0)
    return shell
