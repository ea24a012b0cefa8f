# SPDX-License-Identifier: Apache-2.0
"""The figure of success over practice: each practice episode, and the evaluations."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
import numpy as np

from parl_learner.report.binomial_interval import wilson_interval
from parl_learner.report.figure_style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    new_figure,
    ORANGE,
    save_png,
    set_title,
)
from parl_learner.report.report_data import EvaluationResult

_BEFORE = (('s', GREY), ('D', INK))
_AFTER = (('o', ORANGE), ('^', GREEN))


def running_rate(successes: np.ndarray, window: int) -> np.ndarray:
    """Return the mean over the last `window` episodes, over fewer at the start.

    Args:
        successes: (N,) bool in order of practice.
        window: Number of episodes, at least 1.

    Returns:
        (N,) success rate after each episode, in 0…1.
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
        evaluations: Drawn with 95 % intervals, beside the number of episodes practised before.
        window: Number of episodes in the running mean.
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


def evaluation_places(practised: Sequence[int], span: int) -> list[float]:
    """Place evaluations side by side on the curve's axis, left of 0 if before any practice.

    Args:
        practised: Number of practice episodes that each evaluated policy had learned from.
        span: Number of practice episodes that the curve shows.

    Returns:
        The place of each evaluation [practice episodes].
    """
    gap = 0.03 * span
    places = []
    for index, count in enumerate(practised):
        earlier, others = practised[:index].count(count), practised.count(count)
        places.append(count + gap * (earlier + 1) if count else gap * (earlier - others))
    return places


def _draw_evaluations(axes: Axes, evaluations: Sequence[EvaluationResult], span: int) -> None:
    practised = [result.practised_episodes for result in evaluations]
    places = evaluation_places(practised, span)
    for index, (result, x) in enumerate(zip(evaluations, places, strict=True)):
        styles = _AFTER if result.practised_episodes else _BEFORE
        marker, colour = styles[practised[:index].count(practised[index]) % len(styles)]
        low, high = wilson_interval(result.successes, result.episodes)
        axes.errorbar(
            [x],
            [result.rate],
            [[result.rate - low], [high - result.rate]],
            fmt=marker,
            color=colour,
            markersize=6.5,
            capsize=3,
            zorder=5,
            label=f'{result.label}, {result.successes}/{result.episodes}, 95 % interval',
        )
