# SPDX-License-Identifier: Apache-2.0
"""Servos that let go, and an arm's driver that falls silent, at the real driver node."""

import time

import numpy as np
from std_srvs.srv import Trigger

from parl_msgs.srv import GoToStart


def test_an_overload_is_named_and_the_next_start_recovers_from_the_rest_pose(sleeping_bench):
    bench = sleeping_bench
    bench.start()
    bench.arm.servos.overload('wrist_rotate')
    assert bench.diagnosis('wrist_rotate: overload').level == b'\x02'
    assert 'wrist_rotate: overload' in bench.answer((0.30, 0.0, 0.16)).reason
    bench.arm.groups.clear()
    assert bench.call(bench.arm.go_to_start, GoToStart.Request()).success
    way = np.array([list(message.cmd) for message in bench.arm.groups])
    assert np.min(np.abs(way[:, 1] + 1.80)) < 1e-3, 'the arm was not led to its rest pose'
    assert 'reboot_motors' in bench.arm.servos.services()
    assert bench.arm.servos.registers['Profile_Velocity'] == [200] * 7
    assert not bench.answer((0.30, 0.0, 0.16)).limited


def test_an_operator_who_supports_the_arm_recovers_what_is_no_overload(bench):
    bench.start()
    bench.arm.servos.registers['Hardware_Error_Status'][1] = 4
    bench.arm.servos.registers['Torque_Enable'][1] = 0
    bench.diagnosis('shoulder: overheating')
    assert 'overheating' in bench.call(bench.arm.go_to_start, GoToStart.Request()).message
    assert bench.call(bench.arm.recover, Trigger.Request()).success
    bench.diagnosis('call go_to_start')


def test_a_reboot_as_slow_as_the_real_one_is_not_taken_for_a_restart_of_the_arm(bench):
    """1 s for each servo in which xs_sdk says nothing; its joint_states go on later."""
    bench.start()
    answer = bench.arm.servos.answer

    def slow_answer(service, cmd_type, name, **fields):
        if service == 'reboot_motors':
            time.sleep(1.2)
        return answer(service, cmd_type, name, **fields)

    bench.arm.servos.answer = slow_answer
    bench.arm.servos.overload('elbow')
    bench.diagnosis('elbow: overload')
    reply = bench.call(bench.arm.recover, Trigger.Request())
    assert reply.success, reply.message
    assert bench.arm.servos.services().count('reboot_motors') == 1
    assert bench.call(bench.arm.go_to_start, GoToStart.Request()).success


def test_an_arm_driver_that_is_restarted_with_a_request_in_hand_is_prepared_again(bench):
    bench.start()
    bench.exchange_arm(silent_s=1.2)
    bench.arm.servos.registers['Profile_Velocity'] = [0] * 7
    bench.wait(
        lambda: bench.arm.servos.registers['Profile_Velocity'] == [200] * 7, 'the profile again'
    )
    bench.start()
    assert not bench.answer((0.30, 0.0, 0.16)).limited
