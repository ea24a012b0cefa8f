# SPDX-License-Identifier: Apache-2.0
"""Figure: how practice went, episode by episode, and what the evaluations said."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
import numpy as np

from parl_learner.binomial_interval import wilson_interval
from parl_learner.figure_style import BLUE, GREY, INK, new_figure, ORANGE, save_png, set_title
from parl_learner.report_data import EvaluationResult

_MARKERS = ('s', 'D', 'o', '^', 'v')
_INKS = (GREY, INK)


def running_rate(successes: np.ndarray, window: int) -> np.ndarray:
    """Mean over the last `window` episodes, over fewer at the start.

    Args:
        successes: (N,) bool in order of practice.
        window: episodes, at least 1.

    Returns:
        (N,) rate after each episode.
    """
    totals = np.concatenate([[0], np.cumsum(successes)])
    ends = np.arange(1, len(successes) + 1)
    starts = np.maximum(0, ends - window)
    return (totals[ends] - totals[starts]) / (ends - starts)


def write_learning_curve(
    path: Path,
    practice_successes: Sequence[bool],
    evaluations: Sequence[EvaluationResult],
    window: int = 10,
) -> Path:
    """Draw success over practised episodes.

    Args:
        path: PNG to write.
        practice_successes: (N,) in order of practice; may be empty.
        evaluations: drawn at the episode count they had practised, with 95 % intervals.
        window: episodes in the running mean.
    """
    figure, (axes,) = new_figure(7.5, 5.0)
    successes = np.asarray(practice_successes, dtype=bool)
    episodes = np.arange(1, len(successes) + 1)
    if len(successes):
        rates = running_rate(successes, window)
        axes.plot(episodes, rates, color=BLUE, alpha=0.3, linewidth=1.5)
        axes.plot(
            episodes[window - 1 :],
            rates[window - 1 :],
            color=BLUE,
            linewidth=2.2,
            label=f'practice, mean of the last {window}',
        )
        axes.scatter(
            episodes,
            np.where(successes, 1.035, -0.035),
            s=14,
            marker='|',
            color=BLUE,
            alpha=0.7,
            linewidths=1.2,
            label='one practice episode (top: success)',
        )
    _draw_evaluations(axes, evaluations, max(1, len(successes)))
    axes.set_ylim(-0.07, 1.07)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel('practice episodes')
    axes.set_ylabel('success')
    set_title(axes, 'Success over practice')
    figure.legend(loc='outside lower center', fontsize=8.5, frameon=False)
    return save_png(figure, path)


def _draw_evaluations(axes: Axes, evaluations: Sequence[EvaluationResult], span: int) -> None:
    """Draw points with intervals, side by side and outside the curve where they would collide."""
    before = [result for result in evaluations if result.practised_episodes == 0]
    for index, result in enumerate(evaluations):
        x = float(result.practised_episodes)
        if result in before:
            x = -0.03 * span * (len(before) - before.index(result))
        elif x >= span:
            x += 0.03 * span
        low, high = wilson_interval(result.successes, result.episodes)
        axes.errorbar(
            [x],
            [result.rate],
            [[result.rate - low], [high - result.rate]],
            fmt=_MARKERS[index % len(_MARKERS)],
            color=ORANGE if index == len(evaluations) - 1 else _INKS[index % 2],
            markersize=6.5,
            capsize=3,
            zorder=5,
            label=f'{result.label}, {result.successes}/{result.episodes}, 95 % interval',
        )
