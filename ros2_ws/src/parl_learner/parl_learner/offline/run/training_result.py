# SPDX-License-Identifier: Apache-2.0
"""The result of a run: a JSON file that grows with each evaluation, and a row of a table."""

from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass, field
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from parl_files.durable_file import write_durably
from parl_files.error import ParlError
from parl_learner.report.binomial_interval import wilson_interval, Z_95
from parl_learner.training.distillation_rule import TaughtTarget


class ResultFileError(ParlError):
    """A result cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores of a version, with its critic or without."""

    round: int
    """0 after pre-training, n after the n-th practice round."""
    actor: str
    """'policy': the policy acts alone; 'optimised': with the critic."""
    practice_steps: int
    """Number of control steps practised before."""
    scores: tuple[float, ...]
    """Normalised score of each episode, 0…100."""
    graded: bool
    """Whether an episode can succeed in part."""

    @property
    def mean(self) -> float:
        """Mean score, 0…100."""
        return float(np.mean(self.scores))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean, from `score_interval`."""
        return score_interval(self.scores, self.graded)


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What π_opt taught the policy in a round."""

    round: int
    spread: float
    """Standard deviation of Q among a state's particles, mean over states."""
    target: TaughtTarget
    """Particles that were taught; the configuration or the spread decides."""
    changed_token_share: float | None = None
    """Share of the particles' numbers whose token is new to the policy; None without tokens."""


@dataclass
class TrainingResult:
    """All evaluations of a run, and the time it took."""

    name: str
    seed: int
    config: Mapping[str, Any]
    data: str
    """Digest of the offline data."""
    evaluations: list[Evaluation] = field(default_factory=list)
    distillations: list[Distillation] = field(default_factory=list)
    seconds: float = 0.0
    """Wall time of all parts of a resumed run [s], up to the last save before a kill."""
    cpu_seconds: float = 0.0

    def has(self, round_index: int, actor: str) -> bool:
        """Return whether that evaluation is done."""
        return any((e.round, e.actor) == (round_index, actor) for e in self.evaluations)

    def add_distillation(self, distillation: Distillation) -> None:
        """Add a distillation; it replaces one of the same round, from before a restart."""
        kept = [d for d in self.distillations if d.round != distillation.round]
        self.distillations = [*kept, distillation]

    def save(self, path: Path) -> None:
        """Write the result as JSON, with means and intervals for readers."""
        content = dataclasses.asdict(self)
        for written, evaluation in zip(content['evaluations'], self.evaluations, strict=True):
            written |= {'mean': evaluation.mean, 'interval': evaluation.interval}
        write_durably(path, (json.dumps(content, indent=1) + '\n').encode())


def load_result(path: Path) -> TrainingResult:
    """Read the result that `TrainingResult.save` wrote.

    Raises:
        ResultFileError: The file is damaged, or of another version of this program.
    """
    names = {f.name for f in dataclasses.fields(Evaluation)}
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        evaluations = [
            Evaluation(**{**{k: e[k] for k in names}, 'scores': tuple(e['scores'])})
            for e in content.pop('evaluations')
        ]
        distillations = [Distillation(**d) for d in content.pop('distillations')]
        return TrainingResult(**content, evaluations=evaluations, distillations=distillations)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultFileError(
            f'{path} is damaged or of another version ({type(error).__name__}: {error}); put a '
            'copy back or use another folder'
        ) from error


def score_interval(scores: tuple[float, ...], graded: bool) -> tuple[float, float]:
    """Return the 95 % interval of a mean score, within 0…100.

    For scores of 0 or 100 it is Wilson's interval. For graded scores it is the mean ± 1.96
    standard errors; for a single graded score it is (0, 100).
    """
    if not graded:
        low, high = wilson_interval(sum(s == 100.0 for s in scores), len(scores))
        return 100.0 * low, 100.0 * high
    if len(scores) < 2:
        return 0.0, 100.0
    spread = Z_95 * float(np.std(scores, ddof=1)) / math.sqrt(len(scores))
    mean = float(np.mean(scores))
    return max(0.0, mean - spread), min(100.0, mean + spread)


def markdown_row(result: TrainingResult) -> str:
    """Return the row of a result in the table of `MARKDOWN_HEADER`."""
    cells = []
    last = max((e.round for e in result.evaluations), default=0)
    for round_index in (0, last):
        for actor in ('policy', 'optimised'):
            found = [e for e in result.evaluations if (e.round, e.actor) == (round_index, actor)]
            cells.append(_cell(found[0]) if found else '–')
    steps = max((e.practice_steps for e in result.evaluations), default=0)
    cost = f'{result.seconds / 60:.1f} min'
    return f'| {result.name} | {result.seed} | ' + ' | '.join([*cells, str(steps), cost]) + ' |'


MARKDOWN_HEADER = (
    '| task | seed | pre-trained policy | with critic | final policy | with critic '
    '| practice steps | time |\n|' + '---|' * 8
)


def _cell(evaluation: Evaluation) -> str:
    low, high = evaluation.interval
    return f'{evaluation.mean:.0f} ({low:.0f} … {high:.0f}, n={len(evaluation.scores)})'
