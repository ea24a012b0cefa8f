# SPDX-License-Identifier: Apache-2.0
"""Who may interfere with an episode: its client, the operator, another actor."""

from action_msgs.msg import GoalStatus
import numpy as np
from policy_bench import IMPATIENT_S, LAYOUT, OBJECTS
import pytest
from std_srvs.srv import SetBool, Trigger

from parl_msgs.msg import EpisodeStatus
from parl_msgs.srv import Act, LabelEpisode
from parl_policy.ros.policy_node import PolicyNode


def test_cancel_ends_an_episode_that_waits(bench):
    bench.station.freezes_after = 2
    handle = bench.send(max_steps=10)
    bench.wait(lambda: bench.station.steps >= 2)
    cancelled = handle.cancel_goal_async()
    bench.wait(cancelled.done)
    answer = bench.result_of(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.outcome == EpisodeStatus.ABORTED
    assert 'cancelled' in answer.result.reason
    bench.station.freezes_after = None
    assert bench.play(episode_id='e2').outcome == EpisodeStatus.TIMEOUT


@pytest.mark.parametrize(
    ('label', 'outcome', 'reward'),
    [
        (LabelEpisode.Request.SUCCESS, 'success', 0.0),
        (LabelEpisode.Request.FAILURE, 'failed', -1.0),
        (LabelEpisode.Request.DISCARD, 'discarded', -1.0),
    ],
)
def test_operator_overrules_the_detector(bench, label, outcome, reward):
    bench.station.freezes_after = 2
    bench.station.success_after = 2 if outcome != 'success' else None
    handle = bench.send(max_steps=10)
    bench.wait(lambda: bench.station.steps >= 2)
    assert bench.call(LabelEpisode, 'label_episode', label=label).success
    bench.station.freezes_after = None
    episode = bench.episode(bench.result_of(handle).result)
    assert episode.outcome == outcome
    assert episode.rewards.tolist() == [-1.0, reward]


def test_label_without_an_episode_or_meaning_is_refused(bench):
    success = LabelEpisode.Request.SUCCESS
    assert 'no episode' in bench.call(LabelEpisode, 'label_episode', label=success).message
    assert 'label 9 is unknown' in bench.call(LabelEpisode, 'label_episode', label=9).message


def test_pause_sends_no_targets_until_resume(bench):
    handle = bench.send(max_steps=60)
    bench.wait(lambda: bench.station.steps >= 1)
    assert bench.call(Trigger, 'policy/pause').success
    bench.wait(lambda: len(bench.feedback) == bench.station.steps)  # what was under way
    steps = bench.station.steps
    bench.lose_patience()  # a pause is no silence
    bench.spin_for(IMPATIENT_S + 0.5)
    bench.be_patient()
    assert bench.station.steps == steps < 60
    assert bench.call(Trigger, 'policy/resume').success
    assert bench.result_of(handle).result.outcome == EpisodeStatus.TIMEOUT
    assert bench.station.steps == 60


def test_a_long_pause_shows_signs_of_life(start_bench, monkeypatch):
    monkeypatch.setattr(PolicyNode, 'SIGN_OF_LIFE_S', 0.1)
    bench = start_bench()
    bench.put_version(1)
    bench.send(max_steps=60)
    bench.wait(lambda: bench.station.steps >= 1)
    assert bench.call(Trigger, 'policy/pause').success
    bench.statuses.clear()
    bench.wait(lambda: len(bench.statuses) > 3)
    assert {status.state for status in bench.statuses} == {EpisodeStatus.RUNNING}


def test_a_paused_episode_can_be_ended_and_the_next_one_waits(bench):
    handle = bench.send(max_steps=60)
    bench.wait(lambda: bench.station.steps >= 1)
    assert bench.call(Trigger, 'policy/pause').success
    discard = LabelEpisode.Request.DISCARD
    assert bench.call(LabelEpisode, 'label_episode', label=discard).success
    assert bench.result_of(handle).result.outcome == EpisodeStatus.DISCARDED
    handle = bench.send(episode_id='e2', max_steps=2)
    bench.spin_for(0.5)
    assert bench.station.seeds == [7], 'not reset while paused'
    assert bench.call(Trigger, 'policy/resume').success
    assert bench.result_of(handle).result.outcome == EpisodeStatus.TIMEOUT


def test_operator_takes_over_and_gives_back(bench):
    def act(request, response):
        response.success, response.actions = True, [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]
        if request.step == 4:
            bench.station.freezes_after = 5  # so that what is asked for now holds from step 5
        return response

    bench.station.create_service(Act, 'operator/act', act)
    bench.station.freezes_after = 2
    handle = bench.send(max_steps=8)
    bench.wait(lambda: bench.station.steps == 2)
    answer = bench.call(SetBool, 'policy/take_over', data=True)
    assert (answer.success, answer.message) == (True, 'the operator acts')
    bench.station.freezes_after = None
    bench.wait(lambda: bench.station.steps == 5)
    assert bench.call(SetBool, 'policy/take_over', data=False).success
    bench.station.freezes_after = None
    episode = bench.episode(bench.result_of(handle).result)
    assert episode.interventions.tolist() == [False] * 2 + [True] * 3 + [False] * 3
    assert list(episode.policy_versions) == [bench.version] * 2 + [''] * 3 + [
        bench.version
    ] * 3 + ['']
    np.testing.assert_allclose(episode.actions[2:5, 0], 0.5, atol=1e-5)
    versions = [target.policy_version for target in bench.station.targets]
    assert versions == list(episode.policy_versions)[:-1]


def test_take_over_lasts_one_episode_of_a_policy_that_is_not_judged(bench):
    def act(request, response):
        response.success, response.actions = True, [0.0] * 7
        return response

    def take_over_in(**fields):
        bench.station.freezes_after = 1
        handle = bench.send(max_steps=3, **fields)
        bench.wait(lambda: bench.station.steps == 1 and bench.policy._player is not None)
        message = bench.call(SetBool, 'policy/take_over', data=True).message
        bench.station.freezes_after = None
        return message, bench.episode(bench.result_of(handle).result).interventions.tolist()

    bench.station.create_service(Act, 'operator/act', act)
    assert 'no episode' in bench.call(SetBool, 'policy/take_over', data=True).message
    assert take_over_in() == ('the operator acts', [False, True, True])
    assert not bench.episode(bench.play(episode_id='e2')).interventions.any()
    message, interventions = take_over_in(episode_id='e3', purpose='evaluation')
    assert 'evaluation measures the policy alone' in message
    assert interventions == [False] * 3
    message, interventions = take_over_in(episode_id='e4', actor='operator/act')
    assert 'operator/act acts in this episode' in message
    assert interventions == [False] * 3


def test_actor_service_stands_in_for_the_policy(bench):
    requests = []

    def act(request, response):
        requests.append(request)
        response.success = len(requests) < 6
        response.message = '' if response.success else 'the operator let go'
        response.actions = [0.2, -0.2, 0.0, 0.0, 0.0, 0.0, 1.0]
        return response

    name = 'demonstrator/act'
    bench.lose_patience()
    assert 'service demonstrator/act does not exist' in bench.play(actor=name).reason
    bench.be_patient()
    bench.station.create_service(Act, name, act)
    result = bench.play(episode_id='e2', actor=name, purpose='demonstration', max_steps=3)
    episode = bench.episode(result)
    assert set(episode.policy_versions) == {''}
    assert episode.metadata['actor'] == name
    np.testing.assert_allclose(episode.actions[:, :2], [[0.2, -0.2]] * 3, atol=1e-5)
    assert [request.step for request in requests] == [0, 1, 2]
    assert requests[0].objects.names == list(OBJECTS)
    assert requests[0].gripper_opening == 1.0
    assert len(requests[0].observation) == len(LAYOUT.names)
    reason = bench.play(episode_id='e3', actor=name, max_steps=9).reason
    assert 'demonstrator/act: the operator let go' in reason
