# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from parl_files.episode import EpisodeError
from parl_policy.episode.action_space import ActionError, apply_action, Target
from parl_policy.episode.observation import ObservationLayout, R_DOWN, StationState
from parl_policy.episode.player import EpisodeGoal, EpisodePlayer, FAILURE, SUCCESS, UNKNOWN
from parl_policy.policy import ObservationError

LAYOUT = ObservationLayout(object_names=('cup',))
START = Target(np.array([0.3, 0.0, 0.1]), R_DOWN, 1.0)
GOAL = EpisodeGoal('e7', 'practice', max_steps=3, seed=11)
FORWARD = np.array([0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


def state(target, verdict=FAILURE, stamp_s=1.0, cup=(0.35, 0.1, 0.0)):
    return StationState(target, 0.9, np.array([cup]), np.array([True]), stamp_s, verdict)


def played(verdicts, share=1.0):
    """Plays FORWARD; the driver executes only a share of each move."""
    player, target = EpisodePlayer(GOAL, LAYOUT), START
    for number, verdict in enumerate(verdicts):
        player.see(state(target, verdict, 1.0 + 0.2 * number))
        if player.over:
            break
        player.act(FORWARD, f'policy-{number}')
        executed = FORWARD * np.array([share] * 6 + [1.0])
        target = apply_action(target, executed)
    return player


def test_a_success_as_recorded():
    player = played([FAILURE, UNKNOWN, SUCCESS], share=0.5)
    assert player.outcome == 'success'
    assert player.steps == 2
    episode = player.episode({'actor': ''})
    assert episode.outcome == 'success'
    assert len(episode) == 2
    assert episode.observations.shape == (3, len(episode.observation_names))
    np.testing.assert_allclose(episode.proposed_actions, [FORWARD] * 2, atol=1e-6)
    executed = [[0.2, 0, 0, 0, 0, 0, 1.0]] * 2
    np.testing.assert_allclose(episode.actions, executed, atol=1e-6)
    assert episode.rewards.tolist() == [-1.0, 0.0]
    assert episode.terminated.tolist() == [False, True]
    assert episode.truncated.tolist() == [False, False]
    assert episode.verdicts.tolist() == [FAILURE, UNKNOWN, SUCCESS]
    np.testing.assert_allclose(episode.stamps_s, [1.0, 1.2, 1.4])
    from_its_start = player.episode({}, origin_s=1.0)
    assert from_its_start.stamps_s.tolist() == [0.0, 0.2, 0.4], 'exact to a microsecond'
    assert episode.policy_versions == ('policy-0', 'policy-1', '')
    assert episode.metadata == {'seed': 11, 'actor': ''}
    assert (episode.episode_id, episode.purpose) == ('e7', 'practice')


def test_a_timeout_truncates():
    player = played([FAILURE] * 9)
    assert player.outcome == 'timeout'
    episode = player.episode({})
    assert len(episode) == 3
    assert episode.rewards.tolist() == [-1.0] * 3
    assert episode.truncated.tolist() == [False, False, True]
    assert not episode.terminated.any()


def test_success_at_the_last_moment_is_a_success():
    assert played([FAILURE] * 3 + [SUCCESS]).outcome == 'success'


def test_the_next_target_follows_the_executed_one():
    player = EpisodePlayer(GOAL, LAYOUT)
    player.see(state(START))
    player.act(FORWARD, '')
    held = Target(
        START.position + np.array([0.001, 0, 0]), START.rotation, 1.0
    )  # the driver held back
    player.see(state(held))
    target = player.act(FORWARD, '')
    np.testing.assert_allclose(target.position, [0.321, 0.0, 0.1])


@pytest.mark.parametrize(('label', 'reward'), [('success', 0.0), ('failed', -1.0)])
def test_an_operator_can_end_it_by_a_label(label, reward):
    player = played([FAILURE, FAILURE])
    assert not player.over
    player.stop(label)
    assert player.over
    episode = player.episode({})
    assert len(episode) == 1, 'the second action has no outcome yet'
    assert episode.outcome == label
    assert episode.rewards.tolist() == [reward]
    assert episode.terminated[0] == (label == 'success')
    assert episode.truncated[0] == (label != 'success')


@pytest.mark.parametrize('verdicts', [[FAILURE] * 3, [FAILURE]])
@pytest.mark.parametrize('verdict', [SUCCESS, FAILURE])
def test_what_is_seen_after_a_label_does_not_change_it(verdicts, verdict):
    player = played(verdicts)
    player.stop('discarded')
    player.see(state(apply_action(START, FORWARD), verdict, 2.0))
    assert player.outcome == 'discarded'


def test_nothing_to_record_before_the_first_transition():
    player = EpisodePlayer(GOAL, LAYOUT)
    assert player.episode({}) is None
    player.see(state(START))
    player.act(FORWARD, '')
    player.stop('aborted')
    assert player.episode({}) is None


def test_an_unseen_object_ends_it_and_loses_nothing():
    player = played([FAILURE, FAILURE])
    with pytest.raises(ObservationError, match=r'not finite in .*cup_from_ee_asinh_x'):
        player.see(state(START, cup=(math.nan, 0.0, 0.0)))
    player.stop('aborted')
    assert len(player.episode({})) == 1


@pytest.mark.parametrize(
    ('action', 'message'),
    [
        (np.zeros(6), r'shape \(6,\), expected \(7,\)'),
        (np.full(7, math.nan), 'not finite'),
        (np.full(7, 1.5), r'leaves \[-1, 1\]'),
    ],
)
def test_bad_actions_are_not_recorded(action, message):
    player = EpisodePlayer(GOAL, LAYOUT)
    player.see(state(START))
    with pytest.raises(ActionError, match=message):
        player.act(action, '')
    assert player.steps == 0


def test_success_before_the_first_step_is_no_episode():
    player = EpisodePlayer(GOAL, LAYOUT)
    with pytest.raises(EpisodeError, match='e7: the detector sees the task done before the first'):
        player.see(state(START, SUCCESS))
    assert player.episode({}) is None


def test_an_episode_needs_steps():
    with pytest.raises(ValueError, match='e8: max_steps is 0'):
        EpisodeGoal('e8', 'practice', max_steps=0, seed=0)
