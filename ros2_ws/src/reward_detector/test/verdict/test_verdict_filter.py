# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

from reward_detector.verdict.reward_rule import Region, RewardRule
from reward_detector.verdict.verdict_filter import VerdictFilter, VerdictValue

UNKNOWN, FAILURE, SUCCESS = VerdictValue.UNKNOWN, VerdictValue.FAILURE, VerdictValue.SUCCESS
RULE = RewardRule(
    object='cup',
    region=Region(
        relative_to='rack',
        polygon=((-0.05, -0.05), (0.05, -0.05), (0.05, 0.05), (-0.05, 0.05)),
        surface_height=0.0,
        enter_margin=0.010,
        leave_margin=0.015,
    ),
    min_gripper_opening=0.8,
    max_object_speed=0.02,
    min_frames=3,
    min_duration=0.4,
)
CAMERA = np.array([0.8, 0.0, 0.6])
RACK = np.array([0.3, 0.2, 0.0])
NOWHERE = np.full(3, np.nan)


class Station:
    """Feeds frames every 0.2 s to a filter in a running episode."""

    def __init__(self, rule=RULE, episode='e1'):
        self.filter = VerdictFilter(rule, CAMERA, 0.5)
        self.filter.begin_episode(episode)
        self.stamp = 100.0

    def see(self, dx=0.0, dy=0.0, opening=1.0, visible=True, rack=RACK, dt=0.2):
        self.stamp += dt
        cup = RACK + np.array([dx, dy, 0.0])
        return self.filter.update(
            self.stamp, {'cup': cup, 'rack': rack}, {'cup': visible, 'rack': False}, opening
        )

    def outside(self):
        return self.see(dx=-0.3)


def values(verdicts):
    return [verdict.value for verdict in verdicts]


def test_three_frames_and_0_4_s_make_success():
    station = Station()
    assert station.outside().value == FAILURE
    assert values([station.see() for _ in range(3)]) == [UNKNOWN, UNKNOWN, SUCCESS]


def test_frames_alone_do_not_do_time_counts_too():
    station = Station()
    station.outside()
    assert values([station.see(dt=0.05) for _ in range(9)]) == [UNKNOWN] * 8 + [SUCCESS]


def test_time_alone_does_not_do_frames_count_too():
    station = Station()
    station.outside()
    assert values([station.see(dt=0.45) for _ in range(3)]) == [UNKNOWN, UNKNOWN, SUCCESS]


def test_success_latches_until_the_next_episode():
    station = Station()
    station.outside()
    reason = [station.see() for _ in range(3)][-1].reason
    late = [station.see(visible=False), station.outside(), station.see(opening=0.0)]
    assert values(late) == [SUCCESS] * 3
    assert late[0].reason == reason
    assert station.filter.cannot_see('camera died').value == SUCCESS
    station.filter.begin_episode('e2')
    assert station.outside().value == FAILURE


def test_never_outside_is_never_success():
    station = Station()
    verdicts = [station.see() for _ in range(10)]
    assert values(verdicts) == [UNKNOWN] * 10
    assert 'never outside' in verdicts[-1].reason
    station.outside()
    assert values([station.see() for _ in range(3)])[-1] == SUCCESS


def test_outside_an_episode_success_means_it_lies_there_and_does_not_latch():
    station = Station(episode='')
    assert values([station.see() for _ in range(3)])[-1] == SUCCESS
    assert station.outside().value == FAILURE


def test_enters_at_the_shrunk_and_leaves_at_the_grown_polygon():
    station = Station()
    station.outside()
    # Polygon edge at 50 mm: enter below 40, leave beyond 65; 8 mm is still the same place.
    steps = [0.041, 0.039, 0.046, 0.053, 0.060, 0.064, 0.066, 0.064, 0.041]
    expected = [FAILURE] + [UNKNOWN] * 5 + [FAILURE] * 3
    assert values([station.see(dx=dx) for dx in steps]) == expected


def test_carried_through_the_region_it_must_enter_again_when_released():
    station = Station()
    station.outside()
    station.see(opening=0.7)
    assert values([station.see(dx=0.045) for _ in range(5)]) == [FAILURE] * 5


def test_another_place_in_the_region_must_be_entered_again():
    station = Station()
    station.outside()
    station.see()
    assert values([station.see(dx=0.045) for _ in range(5)]) == [FAILURE] * 5


def test_jitter_on_the_edge_is_still_success():
    station = Station()
    station.outside()
    verdicts = [station.see(dx=dx) for dx in (0.039, 0.042, 0.040)]
    assert verdicts[-1].value == SUCCESS


@pytest.mark.parametrize('opening', [0.0, 0.7, 0.79])
def test_closed_gripper_is_failure(opening):
    station = Station()
    station.outside()
    verdicts = [station.see(opening=opening) for _ in range(6)]
    assert values(verdicts) == [FAILURE] * 6
    assert 'gripper is not open' in verdicts[0].reason


def test_unknown_gripper_is_unknown():
    station = Station()
    station.outside()
    verdicts = [station.see(opening=float('nan')) for _ in range(6)]
    assert values(verdicts) == [UNKNOWN] * 6
    assert 'gripper opening is not known' in verdicts[0].reason


def test_moving_object_waits_until_it_rests():
    station = Station()
    station.outside()
    # 6 mm a frame is 0.03 m/s: never 0.4 s in one place.
    assert values([station.see(dx=-0.035 + 0.006 * i) for i in range(10)]) == [UNKNOWN] * 10
    # The last moving frame was 6 mm from here, within 8 mm: it counts as the first still one.
    assert values([station.see(dx=0.025) for _ in range(2)])[-1] == SUCCESS


def test_slow_drift_below_the_limit_counts_as_still():
    station = Station()
    station.outside()
    assert values([station.see(dx=0.003 * i) for i in range(3)])[-1] == SUCCESS


def test_one_hidden_frame_restarts_the_debounce():
    station = Station()
    station.outside()
    verdicts = [station.see(), station.see(), station.see(visible=False)]
    assert values(verdicts) == [UNKNOWN] * 3
    assert verdicts[-1].reason == 'cup is not seen'
    assert values([station.see() for _ in range(3)]) == [UNKNOWN, UNKNOWN, SUCCESS]


def test_absence_is_never_evidence():
    station = Station()
    station.outside()
    assert values([station.see(visible=False) for _ in range(20)]) == [UNKNOWN] * 20


def test_rack_hidden_is_fine_but_never_seen_is_not():
    station = Station()
    station.outside()
    verdicts = [station.see(rack=NOWHERE) for _ in range(5)]
    assert values(verdicts) == [UNKNOWN] * 5
    assert verdicts[0].reason == 'rack was never seen'


def test_nan_position_marked_visible_is_unknown():
    station = Station()
    verdict = station.filter.update(
        101.0, {'cup': NOWHERE, 'rack': RACK}, {'cup': True, 'rack': True}, 1.0
    )
    assert verdict.value == UNKNOWN


def test_repeated_frame_gets_the_same_answer_and_counts_once():
    station = Station()
    station.outside()
    first = station.see()
    assert [station.see(dt=0.0) for _ in range(20)] == [first] * 20
    assert values([station.see(), station.see()]) == [UNKNOWN, SUCCESS]


def test_out_of_order_frame_is_no_evidence():
    station = Station()
    station.outside()
    station.see()
    station.see()
    late = station.see(dt=-0.3)
    assert late.value == UNKNOWN
    assert 'out of order' in late.reason
    assert station.see(dt=0.5).value == UNKNOWN


def test_gap_between_frames_restarts_the_debounce():
    station = Station()
    station.outside()
    station.see()
    station.see()
    assert values([station.see(dt=0.6), station.see(), station.see()]) == [
        UNKNOWN,
        UNKNOWN,
        SUCCESS,
    ]


def test_clock_restart_forgets():
    station = Station()
    station.outside()
    station.see()
    station.see()
    assert station.see(dt=-50.0).value == UNKNOWN
    assert 'never outside' in station.see().reason


def test_parallax_of_the_surface_is_undone():
    # On a surface 0.06 m up, the camera 0.6 m up at x = 0.8 sees the rack's centre x = 0.3 as
    # x = 0.8 - 0.5 / 0.9 = 0.2444 on the table.
    rule = dataclasses.replace(RULE, region=dataclasses.replace(RULE.region, surface_height=0.06))
    station = Station(rule=rule)
    seen_dx = 0.8 - 0.5 / 0.9 - 0.3
    seen_dy = 0.2 / 0.9 - 0.2
    station.outside()
    assert values([station.see(dx=seen_dx, dy=seen_dy) for _ in range(3)])[-1] == SUCCESS
    # Without it this place is 56 mm off and would not even count as inside.
    flat = Station()
    flat.outside()
    assert flat.see(dx=seen_dx, dy=seen_dy).value == FAILURE


def test_window_stays_small_outside_an_episode():
    station = Station(episode='')
    assert values([station.see() for _ in range(500)])[2:] == [SUCCESS] * 498
    assert len(station.filter._window) <= RULE.min_frames
