# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from parl_learner.replay.action_chunks import action_chunks
from parl_learner.replay.returns import monte_carlo_returns

ACTIONS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)
REWARDS = np.array([-4.0, -2.0, -1.0], np.float32)


def test_two_steps_at_half_the_discount():
    found = action_chunks(ACTIONS, REWARDS, np.array([False] * 3), 0.5, 2)
    np.testing.assert_array_equal(found.actions, [[1, 2, 3, 4], [3, 4, 5, 6], [5, 6, 5, 6]])
    assert found.steps.tolist() == [2, 2, 1]
    assert found.rewards.tolist() == [-5.0, -2.5, -1.0]  # -4 - 2/2, -2 - 1/2
    assert found.discounts.tolist() == [0.25, 0.25, 0.5]


def test_a_success_within_the_chunk_ends_it():
    found = action_chunks(ACTIONS, REWARDS, np.array([False, False, True]), 0.5, 3)
    assert found.steps.tolist() == [3, 2, 1]
    assert found.rewards.tolist() == [-5.25, -2.5, -1.0]
    assert found.discounts.tolist() == [0.0] * 3
    found = action_chunks(ACTIONS, REWARDS, np.array([False, False, True]), 0.5, 2)
    assert found.discounts.tolist() == [0.25, 0.0, 0.0]


def test_one_step_is_what_was_recorded():
    found = action_chunks(ACTIONS, REWARDS, np.array([False, False, True]), 0.9, 1)
    np.testing.assert_array_equal(found.actions, ACTIONS)
    np.testing.assert_array_equal(found.rewards, REWARDS)
    np.testing.assert_allclose(found.discounts, [0.9, 0.9, 0.0])
    assert found.actions.dtype == found.rewards.dtype == found.discounts.dtype == np.float32


@given(
    rewards=st.lists(st.floats(-3, 3), min_size=1, max_size=9),
    success=st.booleans(),
    discount=st.floats(0.0, 0.98),
    horizon=st.integers(1, 12),
)
def test_the_return_is_the_same_either_way(rewards, success, discount, horizon):
    rewards = np.array(rewards, np.float32)
    terminated = np.arange(len(rewards)) == (len(rewards) - 1 if success else -1)
    returns = monte_carlo_returns(rewards, success, discount)
    beyond = 0.0 if success else rewards[-1] / (1.0 - discount)
    chunks = action_chunks(np.zeros((len(rewards), 1)), rewards, terminated, discount, horizon)
    following = np.append(returns, beyond)[np.arange(len(rewards)) + chunks.steps]
    found = chunks.rewards + chunks.discounts * following
    assert found == pytest.approx(returns, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(
    ('horizon', 'means'),
    [(1, [0.0, 1.0, 1.0, 0.0]), (2, [0.5, 1.0, 0.5, 0.0]), (3, [2 / 3, 2 / 3, 0.5, 0.0])],
)
def test_means_over_chunks_by_hand(horizon, means):
    """At the end a chunk has fewer steps, and its repeated action counts once."""
    nothing = np.zeros(4)
    chunks = action_chunks(np.zeros((4, 1)), nothing, nothing, 0.9, horizon)
    found = chunks.means(np.array([False, True, True, False]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, means, rtol=1e-6)
