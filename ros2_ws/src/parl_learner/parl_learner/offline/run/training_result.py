# SPDX-License-Identifier: Apache-2.0
"""What a run reached: a JSON file that grows with each evaluation, and a line of a table."""

from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass, field
import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np

from parl_files.durable_file import write_durably
from parl_files.error import ParlError
from parl_learner.report.binomial_interval import wilson_interval, Z_95


class ResultFileError(ParlError):
    """A result cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores of one version, acting in one way."""

    round: int
    """0 after pre-training, n after the n-th practice round."""
    actor: str
    """'policy' alone, or 'optimised' by the critic."""
    practice_steps: int
    """Control steps practised before."""
    scores: tuple[float, ...]
    """Normalised score of each episode, 0…100."""
    graded: bool
    """Whether an episode can succeed in part."""

    @property
    def mean(self) -> float:
        """Mean score."""
        return float(np.mean(self.scores))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean; see `score_interval`."""
        return score_interval(self.scores, self.graded)


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What π_opt taught the policy in one round."""

    round: int
    spread: float
    """Standard deviation of Q among a state's particles, mean over states."""
    target: Literal['softmax', 'argmax']
    """Particle that was taught, as the configuration or that spread has it."""


@dataclass
class TrainingResult:
    """All evaluations of a run and what it cost."""

    name: str
    seed: int
    config: Mapping[str, Any]
    data: str
    """Digest of the offline data."""
    evaluations: list[Evaluation] = field(default_factory=list)
    distillations: list[Distillation] = field(default_factory=list)
    seconds: float = 0.0
    """Wall time, resumed parts added up [s]; since the last evaluation for what a kill cut off."""
    cpu_seconds: float = 0.0

    def has(self, round_index: int, actor: str) -> bool:
        """Whether that evaluation is done."""
        return any((e.round, e.actor) == (round_index, actor) for e in self.evaluations)

    def add_distillation(self, distillation: Distillation) -> None:
        """Take note of it, in place of what a round that is resumed noted before."""
        kept = [d for d in self.distillations if d.round != distillation.round]
        self.distillations = [*kept, distillation]

    def save(self, path: Path) -> None:
        """Write it durably; means and intervals are written too, for readers."""
        content = dataclasses.asdict(self)
        for written, evaluation in zip(content['evaluations'], self.evaluations, strict=True):
            written |= {'mean': evaluation.mean, 'interval': evaluation.interval}
        write_durably(path, (json.dumps(content, indent=1) + '\n').encode())


def load_result(path: Path) -> TrainingResult:
    """Read a result back.

    Raises:
        ResultFileError: Damaged, or of another version of this program.
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
    """95 % interval of a mean score in 0…100.

    All-or-nothing scores get Wilson's interval, graded ones the mean ± 1.96 standard errors
    within 0…100; a single graded score says nothing.
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
    """Name, seed, scores after pre-training and at the end with intervals, practice, cost."""
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
