# SPDX-License-Identifier: Apache-2.0
"""The cup-to-rack task as the driver reads it, and a shell that has started there."""

import os
from pathlib import Path
import sys

import pytest

from widowx_description.arm import REST_JOINTS
from widowx_driver.arm.state import ArmState
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import load_driver_task
from widowx_driver.safety.shell import SafetyShell

FAKE_INTERBOTIX = str(Path(__file__).parent / 'fake_interbotix')
INTERBOTIX_PATH = os.environ.get('INTERBOTIX_PATH', FAKE_INTERBOTIX).split(os.pathsep)
"""Where the vendor's modules come from, and what they need; else the stand-in."""
TASK_TEXT = """
task: test
robot: wx250s
control_rate_hz: 5.0
start: {position: [0.28, 0.02, 0.18], roll_pitch_yaw: [0.0, 0.0, 0.0], gripper: 1.0}
workspace: {low: [0.18, -0.22, 0.025], high: [0.40, 0.26, 0.22], max_tilt: 0.30, max_yaw: 0.57}
"""


class FakeWallClock:
    """Wall time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def wall_clock() -> FakeWallClock:
    return FakeWallClock()


@pytest.fixture
def shipped_task() -> Path:
    return Path(__file__).parents[2] / 'widowx_bringup/config/tasks/cup_to_rack.yaml'


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


@pytest.fixture(params=['direct', 'interbotix_xs_modules'])
def backend(request, monkeypatch):
    """With the vendor's modules, or their stand-in, and without."""
    if request.param != 'direct':
        for folder in INTERBOTIX_PATH:
            monkeypatch.syspath_prepend(folder)
            monkeypatch.setenv('PYTHONPATH', folder, prepend=os.pathsep)
    yield request.param
    for name in list(sys.modules):
        if name.startswith(('interbotix_common_modules', 'interbotix_xs_modules')):
            del sys.modules[name]


@pytest.fixture
def start_bench(ros_domain, task_file):
    """A function that starts the driver node at a fake arm."""
    from driver_bench import Bench

    benches = []

    def start(joints, finger_m, **options):
        benches.append(Bench(task_file, joints, finger_m, **options))
        return benches[-1]

    yield start
    while benches:
        benches.pop().close()


@pytest.fixture
def bench(start_bench, backend, shell):
    """An arm that stands at the start pose, in real time."""
    return start_bench(shell.start_command.joint_positions, shell.start_command.finger_m)


@pytest.fixture
def sleeping_bench(start_bench, backend):
    """An arm in its sleep pose whose time stands still between commands."""
    return start_bench(REST_JOINTS, 0.02, lock_step_from_s=1000.0)
