# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
import torch

from parl_files.error import ParlError
from parl_learner.replay.replay import CriticSupportError, Replay


@pytest.fixture
def episodes(new_episode):
    return [
        new_episode('d', 'demonstration', 'success', 3, 0),
        new_episode('p', 'practice', 'timeout', 2, 1),
        new_episode('q', 'practice', 'success', 1, 2),
    ]


@pytest.fixture
def replay(episodes):
    replay = Replay(3, 7, discount=0.9)
    for episode in episodes:
        replay.add(episode)
    return replay


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_an_episode_of_n_steps_adds_n_plus_one_rows(replay, episodes):
    assert len(replay) == 6
    stacked = np.concatenate([episode.observations for episode in episodes])
    np.testing.assert_array_equal(replay.observations, stacked)
    assert replay.row_actions.shape == (9, 7)
    assert not replay.row_actions[[3, 6, 8]].any(), 'closing rows begin no transition'
    np.testing.assert_array_equal(replay.row_actions[4:6], episodes[1].actions)


def test_transitions(replay, episodes):
    batch = replay.batch(torch.tensor([2, 3, 4, 5]))
    assert batch.rows.tolist() == [2, 4, 5, 7]
    demonstration, timeout, success = (episode.observations for episode in episodes)
    np.testing.assert_array_equal(
        batch.observations, [demonstration[2], timeout[0], timeout[1], success[0]]
    )
    np.testing.assert_array_equal(
        batch.next_observations, [demonstration[3], timeout[1], timeout[2], success[1]]
    )
    np.testing.assert_array_equal(batch.actions[0], episodes[0].actions[2])
    assert batch.rewards.tolist() == [0.0, -1.0, -1.0, 0.0]


def test_timeouts_bootstrap_and_successes_do_not(replay):
    discounts = replay.batch(torch.arange(6)).discounts
    torch.testing.assert_close(discounts, torch.tensor([0.9, 0.9, 0.0, 0.9, 0.9, 0.0]))


def test_returns(replay):
    returns = replay.batch(torch.arange(6)).returns
    torch.testing.assert_close(returns, torch.tensor([-1.9, -1.0, 0.0, -10.0, -10.0, 0.0]))


@pytest.mark.parametrize(('ratio', 'demonstrations'), [(0.25, 16), (0.5, 32), (0.0, 0), (1.0, 64)])
def test_the_mixing_ratio_is_kept_in_every_batch(replay, ratio, demonstrations):
    rows = replay.draw(64, ratio, generator()).rows
    assert len(rows) == 64
    assert int((rows < 3).sum()) == demonstrations


def test_draws_are_uniform_and_depend_on_the_generator_alone(replay):
    batch = replay.draw(6000, 0.5, generator())
    counts = torch.bincount(batch.rows, minlength=9)
    assert counts[[3, 6, 8]].tolist() == [0, 0, 0]
    # 3,000 draws of three rows each: 1,000, standard deviation 26.
    assert (counts[[0, 1, 2, 4, 5, 7]] - 1000).abs().max() < 4 * 26
    assert torch.equal(batch.rows, replay.draw(6000, 0.5, generator()).rows)
    assert not torch.equal(batch.rows, replay.draw(6000, 0.5, generator(1)).rows)


def test_without_a_ratio_every_transition_is_as_likely_as_any_other(replay, new_episode):
    replay.add(new_episode('r', 'practice', 'timeout', 6, 3))
    rows = replay.draw(12_000, None, generator()).rows
    # 3 of 12 transitions are demonstrations: 3,000 draws, standard deviation 47.
    assert int((rows < 3).sum()) == pytest.approx(3000, abs=4 * 47)


def test_without_practice_all_is_demonstrations(episodes):
    replay = Replay(3, 7, discount=0.9)
    replay.add(episodes[0])
    assert replay.draw(8, 0.5, generator()).rows.max() < 3


def test_successes_come_from_any_source(replay):
    rows = replay.draw_successes(200, generator()).rows
    assert set(rows.tolist()) == {0, 1, 2, 7}
    assert replay.has_successes


def test_an_episode_of_another_layout_is_refused(replay, new_episode):
    with pytest.raises(
        ParlError,
        match=r'episode x has .* widths \(2, 7\), the replay has \(3.* take its file',
    ):
        replay.add(new_episode('x', names=('a', 'b')))
    assert len(replay) == 6


@pytest.mark.parametrize('support', [(-9.9, 0.0), (-10.0, -0.5)])
def test_a_support_that_cannot_hold_the_returns_is_refused(replay, support):
    with pytest.raises(CriticSupportError, match=r'span \[-10\.00, 0\.00\].* reach -10\)'):
        replay.check_support(support)


def test_the_limits_of_the_support_belong_to_it(replay, new_episode):
    replay.check_support((-10.0, 0.0))
    slow = Replay(3, 7, discount=0.99)
    slow.add(new_episode(outcome='timeout', length=80))
    slow.check_support((-100.0, 0.0))


def test_transitions_of_chunks(episodes):
    replay = Replay(3, 7, discount=0.9, horizon=2)
    for episode in episodes:
        replay.add(episode)
    batch = replay.batch(torch.arange(6))
    assert batch.rows.tolist() == [0, 1, 2, 4, 5, 7]
    assert batch.next_rows.tolist() == [2, 3, 3, 6, 6, 8]
    assert torch.equal(batch.next_observations, replay.observations[[2, 3, 3, 6, 6, 8]])
    torch.testing.assert_close(batch.discounts, torch.tensor([0.81, 0, 0, 0.81, 0.9, 0]))
    torch.testing.assert_close(batch.rewards, torch.tensor([-1.9, -1.0, 0, -1.9, -1.0, 0]))
    torch.testing.assert_close(batch.returns, torch.tensor([-1.9, -1.0, 0, -10, -10, 0]))
    actions = episodes[0].actions
    np.testing.assert_array_equal(batch.actions[0], np.concatenate([actions[0], actions[1]]))
    assert replay.row_actions.shape == (9, 14)


def taken_over(episode):
    """The same from a policy node, its second step by the operator."""
    versions = [f'policy-{step}' if step != 1 else '' for step in range(len(episode))]
    return dataclasses.replace(episode, policy_versions=[*versions, ''], metadata={'actor': ''})


def test_rows_say_what_an_operator_chose(episodes):
    replay = Replay(3, 7, discount=0.9)
    replay.add(taken_over(episodes[0]))
    replay.add(episodes[1])
    assert replay.row_takeovers.tolist() == [0.0, 1.0, 0.0, 0.0] + [0.0] * 3
    chunked = Replay(3, 7, discount=0.9, horizon=2)
    chunked.add(taken_over(episodes[0]))
    assert chunked.row_takeovers.tolist() == [0.5, 0.5, 0.0, 0.0]
