# SPDX-License-Identifier: Apache-2.0
"""How well values rank a state's actions, against the returns that really followed."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

DECISIVE = 5.0
"""Difference of mean returns from which one action counts as better than another."""


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Return the rank correlation of two (n,); 0 where one is constant."""
    ranks = rankdata(a), rankdata(b)
    if min(each.std() for each in ranks) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """Return the chance that a positive's score is above a negative's; half for equal ones.

    NaN where one kind is missing.
    """
    if not len(positive) or not len(negative):
        return float('nan')
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    low = len(positive) * (len(positive) + 1) / 2
    return float((ranks.sum() - low) / (len(positive) * len(negative)))


def ranking_measures(
    values: np.ndarray, returns: np.ndarray, decided: np.ndarray | None = None
) -> dict[str, float]:
    """Return the measures of values (N, k) against returns (N, k, c).

    Rank, pairs, gain and regret are of the states `decided` (N,) bool, by default those whose mean
    returns differ by `DECISIVE`; of the pairs only those count that differ as much.
    """
    means = returns.mean(2)
    if decided is None:
        decided = np.ptp(means, axis=1) >= DECISIVE
    q, true = values[decided], means[decided]
    got = true[np.arange(len(true)), q.argmax(1)]
    order = np.sign(q[:, :, None] - q[:, None, :])
    clear = true[:, :, None] - true[:, None, :] > DECISIVE
    right = ((order > 0) + 0.5 * (order == 0))[clear]
    errors = values - means
    return {
        'states': float(decided.sum()),
        'rank': float(np.mean([spearman(a, b) for a, b in zip(q, true, strict=True)])),
        'pairs': float(right.mean()),
        'gain': float((got - true.mean(1)).mean()),
        'regret': float((true.max(1) - got).mean()),
        'spread': float(values.std(1).mean()),
        'bias': float(errors.mean()),
        'rms': float(np.sqrt(np.square(errors).mean())),
    }


def aim_measures(values: np.ndarray, left: np.ndarray) -> dict[str, float]:
    """Return how well values (N, k) rank actions by the distance (N, k) that they leave [mm]."""
    got = left[np.arange(len(left)), values.argmax(1)]
    return {
        'aim': float(np.mean([spearman(a, -b) for a, b in zip(values, left, strict=True)])),
        'aim_gain': float((left.mean(1) - got).mean()),
        'aim_regret': float((got - left.min(1)).mean()),
    }


def wrong_measures(values: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    """Return how often a wrong object is lifted after the action with the highest value.

    Of values (N, k), and whether it happened (N, k, c); empty where it never did.
    """
    chosen = wrong[np.arange(len(wrong)), values.argmax(1)]
    return {'wrong': float(chosen.mean())} if wrong.any() else {}


def noise_ceiling(returns: np.ndarray) -> dict[str, float]:
    """Return what one half of the continuations (N, k, c) says of the other.

    This is the limit for a critic that knows no more than half of the continuations.
    """
    decided = np.ptp(returns.mean(2), axis=1) >= DECISIVE
    halves: Sequence[np.ndarray] = np.array_split(returns[decided], 2, axis=2)
    ties = 1e-6 * np.random.default_rng(0).standard_normal(halves[0].shape[:2])
    total = [
        ranking_measures(judge.mean(2) + ties, judged, np.ones(len(judged), bool))
        for judge, judged in (halves, halves[::-1])
    ]
    return {name: (total[0][name] + total[1][name]) / 2 for name in total[0]}
