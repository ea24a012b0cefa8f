# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from widowx_sim.servos.command_error import CommandError
from widowx_sim.servos.joint_trajectory import TrajectoryPlayer


@pytest.fixture
def sent():
    return []


@pytest.fixture
def player(sent):
    return TrajectoryPlayer(lambda motors, goal: sent.append((motors, goal[0])))


def play(player, times_s, begin_s=10.0):
    nanoseconds = [round(1e9 * (t % 1.0)) for t in times_s]
    player.begin([5], [np.array([float(i)]) for i in range(len(times_s))], nanoseconds, begin_s)


def test_waypoints_below_one_second_come_in_time(player, sent):
    play(player, [0.0, 0.3, 0.9, 0.95])
    assert sent == [([5], 1.0)]  # the second waypoint, when the first is due
    player.poll(10.29)
    assert len(sent) == 1
    player.poll(10.3)
    player.poll(10.9)
    assert [goal for _, goal in sent] == [1.0, 2.0, 3.0]
    assert not player.is_busy


def test_across_a_whole_second_the_driver_pauses_over_three_seconds(player, sent):
    play(player, [0.0, 0.95, 1.0, 1.05])
    player.poll(10.95)
    assert len(sent) == 2
    # (0 - 950e6) mod 2^32 ns = 3.345 s instead of 0.05 s.
    player.poll(10.95 + 3.34)
    assert len(sent) == 2
    player.poll(10.95 + 3.346)
    assert len(sent) == 3


def test_a_second_trajectory_is_refused_meanwhile(player):
    play(player, [0.0, 0.5, 0.6])
    with pytest.raises(CommandError, match='still moving'):
        play(player, [0.0, 0.5])


def test_waypoints_of_the_wrong_length_are_refused(player, sent):
    with pytest.raises(CommandError, match='1 positions'):
        player.begin([5], [np.zeros(2)] * 2, [0, 1], 0.0)
    with pytest.raises(CommandError, match='2 waypoints'):
        player.begin([5], [np.zeros(1)], [0], 0.0)
    assert sent == []
