# SPDX-License-Identifier: Apache-2.0
"""What each backend does with the arm, and with vendor's modules that do not work."""

import sys

from driver_bench import SLEEP
import pytest
from std_srvs.srv import Trigger

from parl_msgs.srv import GoToStart
from widowx_driver.backend.direct import DirectBackend
from widowx_driver.motion import jobs as arm_jobs


def test_the_profile_is_written_and_a_raised_arm_is_not_let_go(bench, backend):
    bench.connect()
    assert isinstance(bench.driver._backend, DirectBackend) == (backend == 'direct')
    registers = bench.arm.servos.registers
    assert registers['Profile_Velocity'] == [200] * 7
    assert registers['Profile_Acceleration'] == [100] * 7
    assert registers['Goal_PWM'][6] == 200
    assert not {'set_operating_modes', 'torque_enable'} & set(bench.arm.servos.services())


def test_an_arm_with_other_joints_is_named_instead_of_ending_the_process(start_bench, backend):
    bench = start_bench(SLEEP, 0.02)
    bench.arm.servos.joint_count = 5
    words = 'its constructor gave up' if backend != 'direct' else 'group arm has 5 joints'
    bench.diagnosis(words)


def test_the_namespace_names_the_arm_and_the_task_file_its_model(start_bench, backend, shell):
    start = shell.start_command
    bench = start_bench(start.joint_positions, start.finger_m, namespace='left_arm')
    bench.start()
    assert isinstance(bench.driver._backend, DirectBackend) == (backend == 'direct')
    assert not bench.answer((0.30, 0.0, 0.16)).limited
    bench.wait(lambda: bench.arm.groups and bench.arm.singles, 'commands under /left_arm')


@pytest.mark.parametrize('backend', ['interbotix_xs_modules'], indirect=True)
def test_a_robot_that_the_vendor_does_not_know_is_named_and_nobody_waits_for_ever(
    start_bench, backend, task_file, monkeypatch
):
    monkeypatch.setattr(arm_jobs, 'PREPARING_LIMIT_S', 1.0)
    text = task_file.read_text(encoding='utf-8').replace('robot: wx250s', 'robot: my_arm')
    task_file.write_text(text, encoding='utf-8')
    bench = start_bench(SLEEP, 0.02)
    bench.diagnosis('robot_model my_arm: ')
    bench.wait(lambda: bench.driver.is_ready, 'prepared servos')
    for reply in (
        bench.call(bench.arm.go_to_start, GoToStart.Request()),
        bench.call(bench.arm.park, Trigger.Request()),
    ):
        assert not reply.success
        assert 'check robot in the task file' in reply.message
    assert bench.arm.groups == []


@pytest.mark.parametrize('backend', ['interbotix_xs_modules'], indirect=True)
def test_the_vendors_gripper_with_its_pwm_timer_is_never_made(bench):
    bench.start()
    robot = sys.modules['interbotix_common_modules.common_robot.robot']
    assert list(robot.get_interbotix_global_node().timers) == []


@pytest.mark.usefixtures('backend')
@pytest.mark.parametrize('backend', ['direct'], indirect=True)
def test_modules_that_lack_something_are_named_once_and_not_used(
    start_bench, shell, tmp_path, monkeypatch, capfd
):
    """As in a container that has the vendor's workspace and not the packages from PyPI."""
    package = tmp_path / 'interbotix_xs_modules/xs_robot'
    package.mkdir(parents=True)
    (package.parent / '__init__.py').touch()
    (package / '__init__.py').touch()
    (package / 'arm.py').write_text('import modern_robotics_that_nobody_installed\n')
    common = tmp_path / 'interbotix_common_modules/common_robot'
    common.mkdir(parents=True)
    (common.parent / '__init__.py').touch()
    (common / '__init__.py').touch()
    (common / 'robot.py').touch()
    monkeypatch.syspath_prepend(tmp_path)
    bench = start_bench(shell.start_command.joint_positions, shell.start_command.finger_m)
    assert isinstance(bench.driver._backend, DirectBackend)
    assert bench.call(bench.arm.go_to_start, GoToStart.Request()).success
    said = capfd.readouterr().err
    assert said.count("No module named 'modern_robotics_that_nobody_installed'") == 1
