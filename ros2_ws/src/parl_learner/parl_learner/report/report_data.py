# SPDX-License-Identifier: Apache-2.0
"""What a report is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """One row of the result table: a policy version tried on a fixed set of starts."""

    label: str
    """'imitation alone', 'pre-trained with critic', 'fine-tuned' …"""
    successes: int
    """episodes that succeeded"""
    episodes: int
    """episodes tried, at least 1"""
    mean_steps: float
    """control steps per episode, time-outs counted with the whole horizon"""
    seconds: float
    """wall time from the start of the experiment until this version was ready [s]"""
    practised_episodes: int = 0
    """practice episodes the version had learned from"""
    episode_ids: Sequence[str] = ()
    """of the evaluation episodes, for the videos"""

    def __post_init__(self) -> None:
        """Check the counts."""
        if not 0 <= self.successes <= self.episodes or self.episodes < 1:
            raise ValueError(
                f'evaluation {self.label!r}: {self.successes} successes of '
                f'{self.episodes} episodes; need 0 <= successes <= episodes >= 1'
            )

    @property
    def rate(self) -> float:
        """Share of successes."""
        return self.successes / self.episodes


@dataclass(frozen=True, kw_only=True)
class PhaseTime:
    """How long a phase of the experiment took."""

    label: str
    """'demonstrations', 'offline training' …"""
    seconds: float
    """wall time [s]"""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What the critic promised and what then came, per transition."""

    q_values: np.ndarray
    """(M,) critic's value of the action taken, mean over the ensemble"""
    returns: np.ndarray
    """(M,) Monte-Carlo return from there, discounted"""
    successes: np.ndarray
    """(M,) bool, whether the episode of the transition succeeded"""

    def __post_init__(self) -> None:
        """Check the shapes."""
        shapes = {np.shape(self.q_values), np.shape(self.returns), np.shape(self.successes)}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise ValueError(
                f'calibration: q_values, returns and successes have shapes {shapes}; '
                f'all must be the same (M,)'
            )


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything the report shows; missing parts are named as missing in it."""

    task: str
    """name of the task"""
    seed: int
    """of the experiment"""
    evaluations: Sequence[EvaluationResult]
    """rows of the table, in order of the experiment, at least 1"""
    phases: Sequence[PhaseTime] = ()
    """in order"""
    episode_folder: Path
    """where the episode files are"""
    calibration: Calibration | None = None
    """for the calibration figure"""
    learner_log: Path | None = None
    """JSON lines of the learner: `seconds` and any numbers of parl_msgs/LearnerStatus"""
    control_rate_hz: float = 5.0
    """frame rate of the videos"""
    notes: Sequence[str] = field(default_factory=tuple)
    """lines added under the table"""

    def __post_init__(self) -> None:
        """Check that there is something to report."""
        if not self.evaluations:
            raise ValueError('a report needs at least one evaluation; run the evaluation phase')
