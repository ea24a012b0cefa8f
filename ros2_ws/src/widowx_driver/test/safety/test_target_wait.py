# SPDX-License-Identifier: Apache-2.0
import pytest

from widowx_driver.safety.target_wait import TargetWait


@pytest.fixture
def targets(wall_clock):
    return TargetWait(0.2, wall_clock)


def test_a_target_waits_for_the_joint_state_of_its_frame(targets):
    assert targets.take(10.0) is None
    targets.put('target', 10.2)
    assert targets.take(10.0) is None
    assert targets.take(10.19) is None
    assert targets.take(10.2) == 'target'
    assert targets.take(10.2) is None, 'once'


def test_a_target_of_the_present_is_answered_at_once(targets):
    for state_s in (10.2, 99.0, None):
        targets.put('target', 10.2)
        assert targets.take(state_s) == 'target'


def test_clocks_that_differ_cost_no_more_than_the_patience(targets, wall_clock):
    targets.put('target', 10.2)
    wall_clock.now_s += 0.19
    assert targets.take(10.0) is None
    wall_clock.now_s += 0.02
    assert targets.take(10.0) == 'target'


def test_a_newer_target_takes_the_place(targets):
    targets.put('first', 10.2)
    targets.put('second', 10.4)
    assert targets.take(10.3) is None
    assert targets.take(10.4) == 'second'
