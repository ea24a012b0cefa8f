# SPDX-License-Identifier: Apache-2.0
"""The servos on a body that stays wherever it is, as one that is held does."""

import numpy as np
import pytest

from widowx_sim.servos.bus import ServoBus
from widowx_sim.servos.joint_state import JointState
from widowx_sim.servos.servos import Servos

START = np.array([0.0] * 6 + [0.02])


class HeldBody:
    def __init__(self):
        self.servos = Servos(START)

    def motor_positions(self):
        return self.servos.profile.positions.copy()

    def joint_state(self):
        return JointState.of_motors(self.motor_positions(), np.zeros(7), np.zeros(7))


@pytest.fixture
def body():
    return HeldBody()


@pytest.mark.parametrize('is_rebooted', [True, False])
def test_a_servo_that_lets_go_in_a_move_goes_no_further(body, is_rebooted):
    bus = ServoBus(body)
    body.servos.command([0, 1], np.array([0.3, 0.3]))
    half_way = body.servos.advance(0.1)[0]
    assert half_way == pytest.approx(0.15)
    if is_rebooted:
        bus.reboot('single', 'waist', False, False)
    else:
        bus.torque_enable('single', 'waist', False)
    assert body.servos.advance(1.0)[:2].tolist() == [half_way, 0.3]


def test_a_velocity_runs_on_to_the_limit_and_no_further(body):
    ServoBus(body).set_operating_mode('single', 'elbow', 'velocity', 'velocity', 0, 0)
    body.servos.command([2], np.array([0.5]))
    for _ in range(100):
        set_points = body.servos.advance(0.01)
    assert set_points[2] == pytest.approx(0.5)
    assert body.servos.advance(100.0)[2] == pytest.approx(1.6057)
