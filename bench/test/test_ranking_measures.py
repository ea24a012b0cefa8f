# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from ranking.measures import (
    aim_measures,
    area_under_curve,
    noise_ceiling,
    ranking_measures,
    spearman,
    wrong_measures,
)


def test_rank_correlation_by_hand():
    # Ranks 1 2 3 against 2 1 3: 1 - 6 * (1 + 1 + 0) / (3 * 8).
    assert spearman(np.array([-5.0, 0.0, 90.0]), np.array([2.0, 1.0, 3.0])) == pytest.approx(0.5)
    assert spearman(np.array([1.0, 1.0]), np.array([1.0, 2.0])) == 0.0


def test_area_under_curve_by_hand():
    # Of six pairs four are in order and one is equal.
    found = area_under_curve(np.array([3.0, 1.0]), np.array([0.0, 1.0, 2.0]))
    assert found == pytest.approx(4.5 / 6)


def test_ranking_by_hand():
    returns = np.array([[[-100.0], [-20.0], [-60.0]], [[-50.0], [-51.0], [-50.0]]])
    values = np.array([[-10.0, -30.0, -20.0], [-1.0, -2.0, -3.0]])
    found = ranking_measures(values, returns)
    assert found['states'] == 1  # in the second one nothing is decided
    assert found['rank'] == pytest.approx(-1.0)
    assert found['pairs'] == 0.0
    assert found['gain'] == pytest.approx(-40.0)  # it takes -100, the mean is -60
    assert found['regret'] == pytest.approx(80.0)
    assert found['bias'] == pytest.approx((90 - 10 + 40 + 49 + 49 + 47) / 6)
    best = ranking_measures(returns[:, :, 0], returns)
    assert (best['rank'], best['pairs'], best['regret']) == (pytest.approx(1.0), 1.0, 0.0)


def test_the_ceiling_is_what_one_half_says_of_the_other():
    same = np.array([[[-100.0, -100.0], [-20.0, -20.0]]])
    assert noise_ceiling(same)['regret'] == 0.0
    # Each half prefers what is worse in the other: -90 of (-10, -90), and -100 of (-100, -30).
    torn = np.array([[[-100.0, -10.0], [-30.0, -90.0]]])
    assert noise_ceiling(torn)['gain'] == pytest.approx((-40.0 - 35.0) / 2)


def test_aim_by_hand():
    found = aim_measures(np.array([[1.0, 2.0, 3.0]]), np.array([[5.0, 9.0, 1.0]]))
    assert found['aim_gain'] == pytest.approx(4.0)
    assert found['aim_regret'] == 0.0
    assert found['aim'] == pytest.approx(0.5)


def test_wrong_objects_by_hand():
    wrong = np.array([[[True, False], [False, False]], [[True, True], [False, False]]])
    # After the first action of the first state it happens once of twice, after the other's never.
    assert wrong_measures(np.array([[2.0, 1.0], [1.0, 2.0]]), wrong) == {'wrong': 0.25}
    assert wrong_measures(np.zeros((2, 2)), np.zeros((2, 2, 3), bool)) == {}
