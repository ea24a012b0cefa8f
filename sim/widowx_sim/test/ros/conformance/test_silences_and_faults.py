# SPDX-License-Identifier: Apache-2.0
"""What an xs_sdk says when it is busy, lets go or cannot read its servos."""

from interbotix_xs_msgs.msg import (
    JointSingleCommand,
)
import numpy as np
import pytest
from xs_sdk_client import ALL, ARM, longest_gap_s, sim_only


def test_requests_stall_the_joint_states(client):
    client.let_pass(0.1)
    for _ in range(5):
        client.read(ALL, 'Present_Temperature')
    client.let_pass(0.05)
    client.fresh()  # from before the requests: a gap needs both its ends
    for _ in range(5):
        client.read(ALL, 'Present_Temperature')
    client.wait(lambda: longest_gap_s(client.states) > 0.015, 'a gap in joint_states')


@sim_only('the arm falls')
def test_torque_off_drops_the_arm(client):
    before = client.positions()
    client.call('torque_enable', ARM, enable=False)
    client.let_pass(0.5)
    assert np.max(np.abs(client.positions() - before)[:6]) > 0.2
    client.single.publish(JointSingleCommand(name='waist', cmd=float(before[0] + 0.5)))
    client.let_pass(0.3)
    assert abs(client.positions()[0] - before[0]) < 0.1
    client.call('torque_enable', ARM, enable=True)
    client.let_pass(0.2)  # states from before the answer may still come
    held = client.positions()
    client.let_pass(0.3)
    np.testing.assert_allclose(client.positions()[:6], held[:6], atol=0.05)


@sim_only('needs a fault on purpose')
def test_an_overload_is_silent_and_a_smart_reboot_mends_it(client):
    assert client.call('inject_fault', fault='overload', joint='elbow').success
    before = client.positions()
    states = client.let_pass(0.5)
    assert all(np.isfinite(state.position).all() for state in states)
    assert abs(states[-1].position[2] - before[2]) > 0.1
    assert client.read(ALL, 'Hardware_Error_Status') == [0, 0, 32, 0, 0, 0, 0]
    client.call('reboot_motors', ALL, enable=True, smart_reboot=True)
    assert client.read(ALL, 'Hardware_Error_Status') == [0] * 7
    assert client.read(ARM, 'Torque_Enable') == [1] * 6
    assert client.read(ARM, 'Profile_Velocity') == [2000, 2000, 0, 2000, 2000, 2000]


@sim_only('needs a fault on purpose')
@pytest.mark.parametrize('sim_parameters', [{'read_failure_behavior': 0}], ids=['minus pi'])
def test_a_failed_read_gives_minus_pi_and_partial_lists(client):
    client.call('inject_fault', fault='serial_dropout', duration=1.0)
    failed = client.fresh()
    np.testing.assert_allclose(failed.position[:7], -np.pi)
    assert failed.position[7] == pytest.approx(0.0195, abs=1e-4)
    assert client.read(ALL, 'ID') == []
    client.wait(lambda: client.states[-1].position[0] > -3.0, 'the end of the drop-out')


@sim_only('needs a fault on purpose')
@pytest.mark.parametrize('sim_parameters', [{'read_failure_behavior': 1}], ids=['NaN'])
def test_a_failed_read_gives_nan_where_so_configured(client):
    client.call('inject_fault', fault='no_answer', joint='wrist_angle')
    assert np.isnan(client.fresh().position).all()
    assert client.read(ALL, 'ID') == [1, 2, 4, 6]  # up to the first that is silent


@sim_only('it lets go of the arm')
def test_setting_a_mode_lets_go_for_a_moment(client):
    client.fresh()  # from before the request: a gap needs both its ends
    client.set_mode(ARM, 'position', 'time', 200, 100)
    # 36 transactions of 2.5 ms in which nothing is published.
    client.wait(lambda: longest_gap_s(client.states) >= 0.09, 'a gap in joint_states')
    assert client.read(ARM, 'Profile_Acceleration') == [100] * 6
