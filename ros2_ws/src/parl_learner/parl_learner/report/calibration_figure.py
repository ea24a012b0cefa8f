# SPDX-License-Identifier: Apache-2.0
"""The figure that compares the critic's values with the returns that followed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from parl_files.episode import Episode
from parl_learner.replay.returns import monte_carlo_returns
from parl_learner.report.figure_style import (
    BLUE,
    GREY,
    INK,
    new_figure,
    ORANGE,
    save_png,
    set_title,
)
from parl_learner.report.report_data import Calibration

MAX_POINTS = 4000
"""Largest number of transitions that the figure shows."""


def calibration_of(
    episodes: Sequence[Episode],
    q_values_of: Callable[[Episode], np.ndarray],
    discount: float,
) -> Calibration:
    """Compare a critic with the returns that followed in recorded episodes.

    Args:
        episodes: Played by the policy that the critic judges.
        q_values_of: Called with an episode; returns Q (N,) of its executed actions.
        discount: Discount with which the critic was trained, for the returns.
    """
    q_values = [np.asarray(q_values_of(episode)) for episode in episodes]
    returns = [
        monte_carlo_returns(episode.rewards, bool(episode.terminated[-1]), discount)
        for episode in episodes
    ]
    successes = [np.full(len(episode), episode.success) for episode in episodes]
    empty = np.empty(0)
    return Calibration(
        q_values=np.concatenate([empty, *q_values]),
        returns=np.concatenate([empty, *returns]),
        successes=np.concatenate([empty, *successes]).astype(bool),
    )


def binned_means(x: np.ndarray, y: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of x and y in bins of equal count, so that each mean is equally certain.

    Args:
        x: (M,) values that are sorted.
        y: (M,) values at the same points.
        bins: Largest number of bins; fewer if there are fewer points.

    Returns:
        (bins,) means of x, ascending, and (bins,) means of y.
    """
    order = np.argsort(x, kind='stable')
    parts = np.array_split(order, max(1, min(bins, len(x))))
    return (
        np.array([x[part].mean() for part in parts]),
        np.array([y[part].mean() for part in parts]),
    )


def write_calibration_figure(path: Path, calibration: Calibration, bins: int = 12) -> Path:
    """Draw Monte-Carlo return over Q, one point per transition, with binned means.

    Args:
        path: PNG to write.
        calibration: At least one point; at most MAX_POINTS are drawn, evenly spaced.
        bins: Number of points of the mean line.

    Raises:
        ValueError: There is no point.
    """
    q_values = np.asarray(calibration.q_values, dtype=float)
    returns = np.asarray(calibration.returns, dtype=float)
    if not len(q_values):
        raise ValueError('calibration figure: no transitions; evaluate at least one episode')
    figure, (axes,) = new_figure(5.6, 5.0)
    shown = np.unique(np.linspace(0, len(q_values) - 1, MAX_POINTS).astype(int))
    for success, colour, label in (
        (True, BLUE, 'step of a success'),
        (False, ORANGE, 'step of a failure'),
    ):
        part = shown[np.asarray(calibration.successes, dtype=bool)[shown] == success]
        axes.scatter(
            q_values[part], returns[part], s=7, color=colour, alpha=0.25, linewidths=0, label=label
        )
    low = min(q_values.min(), returns.min())
    high = max(q_values.max(), returns.max(), low + 1e-6)
    margin = 0.04 * (high - low)
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=GREY, linewidth=1, linestyle='--', label='Q = return')
    axes.plot(
        *binned_means(q_values, returns, bins),
        color=INK,
        marker='o',
        markersize=4,
        linewidth=1.6,
        label='mean of equal shares',
    )
    axes.set_xlim(limits)
    axes.set_ylim(limits)
    axes.set_aspect('equal')
    axes.set_xlabel('critic: Q of the action taken')
    axes.set_ylabel('Monte-Carlo return that followed')
    set_title(axes, f'Critic against reality, {len(q_values)} transitions')
    legend = axes.legend(
        loc='upper left', fontsize=8.5, frameon=True, framealpha=0.85, edgecolor='none'
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)
    return save_png(figure, path)
