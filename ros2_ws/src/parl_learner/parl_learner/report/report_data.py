# SPDX-License-Identifier: Apache-2.0
"""The contents of a report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from parl_learner.plan.gate import GateResult


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """One row of the result table: a policy version tried on a fixed set of starts."""

    label: str
    """Name of the policy: 'imitation alone', 'pre-trained with critic', 'fine-tuned' …"""
    successes: int
    """Number of episodes that succeeded."""
    episodes: int
    """Number of episodes tried, at least 1."""
    mean_steps: float
    """Mean control steps of an episode; a time-out counts with the whole horizon."""
    seconds: float
    """Wall time from the start of the experiment until this version was ready [s]."""
    practised_episodes: int = 0
    """Number of practice episodes that were played until this version was ready."""
    episode_ids: Sequence[str] = ()
    """Ids of the evaluation episodes, for the films."""

    def __post_init__(self) -> None:
        """Check the counts."""
        if not 0 <= self.successes <= self.episodes or self.episodes < 1:
            raise ValueError(
                f'evaluation {self.label!r}: {self.successes} successes of '
                f'{self.episodes} episodes; need 0 <= successes <= episodes >= 1'
            )

    @property
    def rate(self) -> float:
        """Share of successes, in 0…1."""
        return self.successes / self.episodes


@dataclass(frozen=True, kw_only=True)
class PhaseTime:
    """The time that a phase of the experiment took."""

    label: str
    """Name of the phase: 'demonstrations', 'offline training' …"""
    seconds: float
    """Wall time [s]."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The critic's value and the return that followed, for M transitions."""

    q_values: np.ndarray
    """(M,) critic's value of the action taken, mean over the ensemble."""
    returns: np.ndarray
    """(M,) discounted Monte-Carlo return from there."""
    successes: np.ndarray
    """(M,) bool, whether the episode of the transition succeeded."""

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
    """Everything that the report shows; the report names the parts that are missing."""

    task: str
    """Name of the task."""
    seed: int
    """Seed of the experiment."""
    evaluations: Sequence[EvaluationResult]
    """Rows of the table, in the order of the experiment, at least 1."""
    phases: Sequence[PhaseTime] = ()
    """Rows of the table of times, in order."""
    episode_folder: Path
    """Folder of the episode files."""
    calibration: Calibration | None = None
    """Data of the calibration figure."""
    gate: Sequence[GateResult] = ()
    """Results of the gate in order; empty without one."""
    learner_log: Path | None = None
    """File with JSON lines: `seconds` and any numbers of parl_msgs/LearnerStatus."""
    control_rate_hz: float = 5.0
    """Frame rate of the films [Hz]."""
    notes: Sequence[str] = field(default_factory=tuple)
    """Lines below the table of results."""

    def __post_init__(self) -> None:
        """Check that there is something to report."""
        if not self.evaluations:
            raise ValueError('a report needs at least one evaluation; run the evaluation phase')
