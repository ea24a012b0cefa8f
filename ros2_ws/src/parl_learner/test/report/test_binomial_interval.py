# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_learner.report.binomial_interval import difference_interval, wilson_interval


@pytest.mark.parametrize(
    ('successes', 'episodes', 'low', 'high'),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # By hand, z^2 = 3.8415: (2*8 + 3.8415 -+ 1.95996*sqrt(3.8415 + 4*8*0.2)) / 27.6829.
        (8, 10, 0.4902, 0.9433),
    ],
)
def test_wilson_against_published_and_hand_computed(successes, episodes, low, high):
    assert wilson_interval(successes, episodes) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_ends():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 7)[0] == 0.0
    assert wilson_interval(7, 7)[1] == 1.0


@pytest.mark.parametrize(('successes', 'episodes'), [(-1, 3), (4, 3), (0, -1)])
def test_impossible_counts_are_refused(successes, episodes):
    with pytest.raises(ValueError, match=f'{successes} successes of {episodes}'):
        wilson_interval(successes, episodes)


@pytest.mark.parametrize(
    ('before', 'after', 'low', 'high'),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((0, 10), (10, 10), 0.6075, 1.0000),
    ],
)
def test_difference_against_published(before, after, low, high):
    assert difference_interval(*before, *after) == pytest.approx((low, high), abs=5e-5)
    swapped = difference_interval(*after, *before)
    assert swapped == pytest.approx((-high, -low), abs=5e-5)


def test_difference_knows_nothing_without_episodes():
    assert difference_interval(0, 0, 5, 10) == (-1.0, 1.0)
