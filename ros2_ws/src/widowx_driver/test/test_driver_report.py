# SPDX-License-Identifier: Apache-2.0
from concurrent.futures import Future

from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_report import driver_report, Level, TargetCounter
from widowx_driver.servos.keeper import ServoKeeper


def report(shell, state, now_s, servos):
    return driver_report(shell, state, now_s, TargetCounter(), servos, backend_fault='')


def test_a_reboot_that_stalls_the_arm_is_not_called_a_broken_line(started, state_at_start):
    servos = ServoKeeper(lambda _request: Future(), DriverConfig(), lambda: False, lambda: 0.0)
    late = report(started, state_at_start, 103.0, servos)
    assert late.level == Level.ERROR
    assert 'joint_states are 3.00 s old' in late.text
    servos.reboot(lambda _fault: None)
    rebooting = report(started, state_at_start, 103.0, servos)
    assert rebooting.level == Level.WARN
    assert 'servos are being rebooted' in rebooting.text
