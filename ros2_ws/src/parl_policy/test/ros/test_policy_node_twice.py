# SPDX-License-Identifier: Apache-2.0
"""A client that asks for an episode again, as it has lost the answer, and slow versions."""

import time

import pytest

from parl_msgs.msg import EpisodeStatus


def files(bench):
    return [record.name for record in bench.store.list('episode')]


def test_an_episode_that_was_played_is_answered_by_its_file(bench):
    bench.station.success_after = 3
    first = bench.play(max_steps=10)
    again = bench.play(max_steps=10, seed=8)
    assert again.file.name == first.file.name
    assert (again.success, again.outcome, again.steps) == (True, EpisodeStatus.SUCCESS, 3)
    assert again.episode_return == first.episode_return
    assert (len(bench.station.seeds), len(files(bench))) == (1, 1)
    assert bench.statuses[-1].state == EpisodeStatus.FINISHED
    assert bench.play(episode_id='e2').file.name != first.file.name


def test_a_new_process_knows_what_the_last_one_played(start_bench):
    bench = start_bench()
    bench.version = bench.put_version(1)
    first = bench.play()
    bench.close()
    bench = start_bench()
    assert bench.play().file.name == first.file.name
    assert not bench.station.seeds


@pytest.mark.parametrize(
    'change', [{'purpose': 'evaluation'}, {'optimise': False}, {'policy_version': 2}]
)
def test_another_goal_of_the_same_name_is_played(bench, change):
    first = bench.play()
    bench.put_version(2)
    other = bench.play(**{'policy_version': 1, **change})
    assert other.file.name != first.file.name
    assert len(bench.station.seeds) == 2


def test_an_aborted_episode_is_played_again(bench):
    bench.station.freezes_after = 3
    bench.lose_patience()
    assert bench.play().outcome == EpisodeStatus.ABORTED
    bench.be_patient()
    bench.station.freezes_after = None
    assert bench.play().outcome == EpisodeStatus.TIMEOUT
    assert len(files(bench)) == 2


def test_a_damaged_file_is_no_answer(bench):
    first = bench.play()
    path = bench.store.path(first.file.name)
    path.write_bytes(path.read_bytes()[:-20])
    assert bench.play(seed=8).file.name != first.file.name


def test_a_version_that_comes_slowly_is_waited_for(bench):
    limit_s = 0.5
    bench.policy.link.VERSION_TIMEOUT_S = limit_s
    handle = bench.send(policy_version=9)
    for _ in range(10):
        bench.spin_for(limit_s / 5)
        bench.policy.fetches.progressed_at = time.monotonic()
    bench.put_version(9)
    assert bench.result_of(handle).result.outcome == EpisodeStatus.TIMEOUT


def test_a_version_that_stops_to_come_is_named(bench, monkeypatch):
    bench.policy.link.VERSION_TIMEOUT_S = 0.5
    reports = {'policy-000009-': 'policy-000009-x: 3 of 9 bytes from learner/read_artifact'}
    monkeypatch.setattr(bench.policy.fetches, 'report', lambda begin: reports[begin])
    reason = bench.play(policy_version=9).reason
    assert reason.startswith('policy version 9 is not in ')
    assert reason.endswith(reports['policy-000009-'])
