# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_sim.servos.command_error import CommandError
from widowx_sim.station import paced_station
from widowx_sim.station.paced_station import PacedStation
from widowx_sim.station.pacing import LockstepGate, PacingConfig, RealtimePacer


def test_gate_opens_only_with_both_commands():
    gate = LockstepGate()
    gate.begin(0.0)
    gate.note_arm()
    gate.note_arm()
    assert not gate.is_open()
    gate.note_gripper()
    assert gate.is_open()
    gate.begin(0.1)
    assert not gate.is_open()


def test_gate_republishes_after_half_a_second_and_then_waits_again():
    gate = LockstepGate()
    assert gate.take_republish(10.0)
    gate.begin(10.0)
    assert not gate.take_republish(10.49)
    assert gate.take_republish(10.5)
    assert not gate.take_republish(10.9)
    assert gate.take_republish(11.0)


def test_realtime_ticks_follow_the_wall_clock():
    pacer = RealtimePacer(speed=2.0)
    assert pacer.take_due_ticks(5.0) == 0
    assert sum(pacer.take_due_ticks(5.0 + 0.003 * step) for step in range(1, 101)) == 60


def test_realtime_gives_up_time_lost_in_a_stall():
    pacer = RealtimePacer(speed=1.0, most_ticks=20)
    pacer.take_due_ticks(0.0)
    assert pacer.take_due_ticks(60.0) == 20
    assert pacer.take_due_ticks(60.01) == 1


@pytest.mark.parametrize(
    ('key', 'value'), [('pacing', 'fast'), ('speed', 0.0), ('camera_rate_hz', float('nan'))]
)
def test_bad_pacing_is_named(key, value):
    with pytest.raises(ValueError, match=key):
        PacingConfig(**{key: value})


@pytest.fixture
def log():
    return []


@pytest.fixture
def lockstep(station, log):
    return PacedStation(
        station,
        PacingConfig(),
        lambda: log.append(('joints', station.time_s)),
        lambda: log.append(('frame', station.time_s)),
        lambda: log.append(('sent', station.time_s)),
    )


def command_arm(paced, station, joints):
    try:
        station.command_arm(joints)
    finally:
        paced.note_command(list(range(6)))


def command_gripper(paced, station, finger_m):
    station.command_gripper(finger_m)
    paced.note_command([6])


def test_lockstep_advances_one_period_for_each_pair(lockstep, station, log):
    begin = station.time_s
    for period in range(1, 4):
        log.clear()
        command_gripper(lockstep, station, 0.03)
        assert station.time_s == pytest.approx(begin + 0.2 * (period - 1))
        command_arm(lockstep, station, station.start_joints)
        assert station.time_s == pytest.approx(begin + 0.2 * period)
        assert [kind for kind, _ in log] == ['joints'] * 20 + ['sent', 'frame']
        assert log[-1][1] == log[-2][1] == station.time_s


def test_lockstep_time_stands_still_without_commands(lockstep, station, log):
    begin = station.time_s
    for poll in range(100):
        lockstep.poll(1e6 + poll)
    assert station.time_s == begin
    assert {time for _, time in log} == {begin}
    assert len(log) == 300


def test_refused_command_lets_time_go_on(lockstep, station):
    begin = station.time_s
    command_gripper(lockstep, station, 0.03)
    with pytest.raises(CommandError):
        command_arm(lockstep, station, np.full(6, np.nan))
    assert station.time_s == pytest.approx(begin + 0.2)
    np.testing.assert_array_equal(station.profile.goals[:6], station.start_joints)


def test_reset_forgets_a_waiting_command(lockstep, station):
    command_arm(lockstep, station, station.start_joints)
    lockstep.reset(1)
    begin = station.time_s
    command_gripper(lockstep, station, 0.03)
    assert station.time_s == begin


def test_realtime_goes_on_by_itself(station, log):
    paced = PacedStation(
        station,
        PacingConfig(pacing='realtime', camera_rate_hz=20.0),
        lambda: log.append('joints'),
        lambda: log.append('frame'),
        lambda: log.append('sent'),
    )
    begin = station.time_s
    for step in range(21):
        paced.poll(3.0 + 0.01 * step)
    assert station.time_s == pytest.approx(begin + 0.2)
    assert log.count('joints') == log.count('sent') == 20
    assert log.count('frame') == 4


class FakeClock:
    """The wall's clock, which passes only in sleep."""

    def __init__(self):
        self.now_s = 100.0

    def monotonic(self):
        return self.now_s

    def sleep(self, duration_s):
        self.now_s += duration_s


def test_a_busy_bus_costs_neither_time_nor_frames(station, monkeypatch):
    """Ticks that were due when the bus became busy were once lost: a second took longer."""
    wall = FakeClock()
    monkeypatch.setattr(paced_station, 'time', wall)
    frames_s = []
    paced = PacedStation(
        station,
        PacingConfig(pacing='realtime', camera_rate_hz=20.0),
        lambda: None,
        lambda: frames_s.append(station.time_s),
        lambda: None,
    )
    begin_s, begin_wall_s = station.time_s, wall.now_s
    paced.poll(begin_wall_s)
    for _ in range(20):
        wall.sleep(0.012)
        paced.stall(0.0175)
        wall.sleep(0.012)
        paced.poll(wall.now_s)
    passed_s = station.time_s - begin_s
    assert passed_s == pytest.approx(wall.now_s - begin_wall_s, abs=0.011)
    due_s = begin_s + 0.05 * np.arange(1, len(frames_s) + 1)
    assert passed_s == pytest.approx(0.05 * len(frames_s), abs=0.05)
    late_s = np.array(frames_s) - due_s
    assert np.all((late_s > -0.001) & (late_s < 0.04))
