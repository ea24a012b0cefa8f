# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from reward_detector.verdict.frame_judge import FrameError, FrameJudge
from reward_detector.verdict.verdict_filter import VerdictValue

RACK = (0.28, 0.16)


@pytest.fixture
def judge(cup_task):
    return FrameJudge.from_task_file(cup_task)


def test_positions_from_pixels(judge, draw):
    judgement = judge.judge(1.0, draw((0.27, -0.1)), 1.0)
    np.testing.assert_allclose(judgement.objects.positions[0], [0.27, -0.1, 0.0], atol=0.002)
    np.testing.assert_allclose(judgement.objects.positions[1], [*RACK, 0.0], atol=0.002)
    assert judgement.verdict.value == VerdictValue.FAILURE


def test_cup_put_on_the_rack(judge, draw):
    judge.begin_episode('e1')
    judge.judge(1.0, draw((0.27, -0.1)), 0.0)
    values = [judge.judge(1.2 + 0.2 * i, draw(RACK, 0.02), 1.0).verdict.value for i in range(3)]
    assert values == [VerdictValue.UNKNOWN, VerdictValue.UNKNOWN, VerdictValue.SUCCESS]


def test_same_frame_again_gets_the_same_answer(judge, draw):
    judge.begin_episode('e1')
    judge.judge(1.0, draw((0.27, -0.1)), 1.0)
    first = judge.judge(1.2, draw(RACK, 0.02), 1.0)
    again = [judge.judge(1.2, draw(RACK, 0.02), 0.0) for _ in range(5)]
    assert all(judgement is first for judgement in again)


def test_new_episode_judges_the_newest_frame_again(judge, draw):
    assert judge.begin_episode('e1') is None
    judge.judge(1.0, draw((0.27, -0.1)), 1.0)
    for i in range(3):
        done = judge.judge(1.2 + 0.2 * i, draw(RACK, 0.02), 1.0)
    assert done.verdict.value == VerdictValue.SUCCESS
    judge.begin_episode('')
    judge.judge(2.0, draw((0.27, -0.1)), 1.0)
    again = judge.begin_episode('e2')
    assert (again.stamp_s, again.episode_id) == (2.0, 'e2')
    assert again.verdict.value == VerdictValue.FAILURE
    # That frame showed the cup outside, so the guard is satisfied in the new episode.
    for i in range(3):
        done = judge.judge(2.2 + 0.2 * i, draw(RACK, 0.02), 1.0)
    assert done.verdict.value == VerdictValue.SUCCESS


def test_blind_frame_keeps_positions_and_is_unknown(judge, draw):
    seen = judge.judge(1.0, draw((0.27, -0.1)), 1.0)
    blind = judge.blind(1.2, 'camera frame is 0.7 s old')
    np.testing.assert_array_equal(blind.objects.positions, seen.objects.positions)
    assert not blind.objects.visible.any()
    assert blind.verdict.value == VerdictValue.UNKNOWN
    assert blind.verdict.reason == 'camera frame is 0.7 s old'


def test_out_of_order_frame_is_blind(judge, draw):
    judge.judge(1.0, draw((0.27, -0.1)), 1.0)
    late = judge.judge(0.8, draw((0.30, -0.1)), 1.0)
    assert 'out of order' in late.verdict.reason
    assert late.objects.positions[0, 0] == pytest.approx(0.27, abs=0.002)


def test_clock_restart_forgets_positions(judge, draw):
    judge.judge(100.0, draw((0.27, -0.1)), 1.0)
    restarted = judge.judge(3.0, draw(None), 1.0)
    assert np.all(np.isnan(restarted.objects.positions[0]))
    assert restarted.objects.visible.tolist() == [False, True]


def test_cup_not_there_is_unknown(judge, draw):
    judge.begin_episode('e1')
    judge.judge(1.0, draw((0.27, -0.1)), 1.0)
    verdict = judge.judge(1.2, draw(None), 1.0).verdict
    assert (verdict.value, verdict.reason) == (VerdictValue.UNKNOWN, 'cup is not seen')


def test_rack_never_seen_is_unknown(judge, draw):
    verdict = judge.judge(1.0, draw(RACK, 0.02, rack=False), 1.0).verdict
    assert (verdict.value, verdict.reason) == (VerdictValue.UNKNOWN, 'rack was never seen')


def test_other_image_size_is_refused(judge):
    with pytest.raises(FrameError, match=r'320x240.*640x480'):
        judge.judge(1.0, np.zeros((240, 320, 3), np.uint8), 1.0)
