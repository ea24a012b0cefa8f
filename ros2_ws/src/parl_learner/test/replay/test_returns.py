# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from parl_learner.replay.returns import monte_carlo_returns


def test_a_success_ends_the_sum():
    found = monte_carlo_returns(np.array([-1.0, -1.0, 0.0]), terminated=True, discount=0.9)
    np.testing.assert_allclose(found, [-1.9, -1.0, 0.0], atol=1e-6)
    assert found.dtype == np.float32


def test_a_timeout_goes_on_failing_for_ever():
    found = monte_carlo_returns(np.full(4, -1.0), terminated=False, discount=0.9)
    np.testing.assert_allclose(found, [-10.0] * 4, rtol=1e-6)  # -1 / (1 - 0.9)
    found = monte_carlo_returns(np.full(80, -1.0), terminated=False, discount=0.99)
    np.testing.assert_allclose(found, [-100.0] * 80, rtol=1e-6)


def test_the_last_reward_is_the_one_that_goes_on():
    found = monte_carlo_returns(np.array([-1.0, -0.5]), terminated=False, discount=0.5)
    np.testing.assert_allclose(found, [-1.5, -1.0])  # -0.5 / 0.5 = -1; -1 + 0.5 · -1


def test_without_discount_only_the_next_reward_counts():
    found = monte_carlo_returns(np.array([-1.0, -0.5]), terminated=False, discount=0.0)
    np.testing.assert_allclose(found, [-1.0, -0.5])


@pytest.mark.parametrize('discount', [1.0, -0.1])
def test_impossible_discounts_are_refused(discount):
    with pytest.raises(ValueError, match=r'discount must lie in \[0, 1\)'):
        monte_carlo_returns(np.zeros(2), terminated=True, discount=discount)


def test_a_failure_may_end_the_sum_where_the_recording_ends():
    rewards = np.array([-4.0, -3.0, -3.0])
    found = monte_carlo_returns(rewards, terminated=False, discount=0.5, failure_return='recorded')
    np.testing.assert_allclose(found, [-6.25, -4.5, -3.0])  # -3; -3 - 1.5; -4 - 2.25
    ended = monte_carlo_returns(rewards, terminated=True, discount=0.5, failure_return='recorded')
    np.testing.assert_allclose(ended, found)
