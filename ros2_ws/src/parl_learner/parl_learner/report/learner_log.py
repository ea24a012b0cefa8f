# SPDX-License-Identifier: Apache-2.0
"""The figure of the learner's log: losses, and the critic's mean value beside the return."""

import json
from pathlib import Path

import numpy as np

from parl_files.error import ParlError
from parl_learner.report.figure_style import BLUE, GREEN, new_figure, ORANGE, save_png, set_title

_PANELS = (
    ('Losses', {'policy_loss': BLUE, 'critic_loss': ORANGE}),
    ('Value', {'mean_q': ORANGE, 'mean_return': GREEN}),
)


class LearnerLogError(ParlError):
    """The learner's log cannot be shown."""


def read_learner_log(path: Path) -> dict[str, np.ndarray]:
    """Read JSON lines into columns.

    Args:
        path: One JSON object per line; an unfinished last line of a killed learner is ignored.

    Returns:
        Each column of numbers (L,) float64, NaN where a line has no value; {} for an empty file.

    Raises:
        LearnerLogError: A line before the last is not a JSON object.
    """
    lines = Path(path).read_text(encoding='utf-8').splitlines()
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f'{line!r} is not a JSON object')
        except ValueError as error:
            if number == len(lines):
                break
            raise LearnerLogError(
                f'learner log {path}, line {number}: {error}; delete that line'
            ) from error
        rows.append(
            {
                key: value
                for key, value in row.items()
                if isinstance(value, int | float) and not isinstance(value, bool)
            }
        )
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows], dtype=float) for name in names}


def write_training_figure(path: Path, log: dict[str, np.ndarray]) -> Path:
    """Draw losses and values over time.

    Args:
        path: PNG to write.
        log: From `read_learner_log`: `seconds`, and any of policy_loss, critic_loss, mean_q and
            mean_return.

    Raises:
        LearnerLogError: There is no column `seconds`.
    """
    if 'seconds' not in log:
        raise LearnerLogError('learner log has no column `seconds`; write it in every line')
    minutes = (log['seconds'] - log['seconds'][0]) / 60.0
    figure, panels = new_figure(9.0, 3.2, columns=len(_PANELS))
    for axes, (title, columns) in zip(panels, _PANELS, strict=True):
        for name, colour in columns.items():
            if name in log and np.isfinite(log[name]).any():
                is_known = np.isfinite(log[name])
                axes.plot(
                    minutes[is_known],
                    log[name][is_known],
                    color=colour,
                    linewidth=1.4,
                    label=name.replace('_', ' ').replace(' q', ' Q'),
                )
        drawn = np.concatenate(
            [np.asarray(line.get_ydata(), float) for line in axes.lines] or [np.empty(0)]
        )
        if len(drawn) and drawn.min() > 0:
            axes.set_yscale('log')  # only losses: values are negative
        axes.set_xlabel('time [min]')
        set_title(axes, title)
        if axes.lines:
            axes.legend(fontsize=8.5, frameon=False)
    return save_png(figure, path)
