# SPDX-License-Identifier: Apache-2.0
"""The progress of a run, and the time that is left, from the pace so far."""

from collections.abc import Mapping
import math
import time

from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.methods.stage import Work
from parl_learner.report.duration import duration


class TrainingProgress:
    """Measures the pace of each kind of update and of whole practice rounds."""

    def __init__(self, practice_rounds: int) -> None:
        """Start without a pace; only the number of rounds is known."""
        self._rounds = practice_rounds
        self._pace: dict[Work, float] = {}  # work -> seconds, running mean
        self._round_seconds = math.nan
        self._began = time.monotonic()

    def worked(
        self, before: Mapping[Work, int], after: Mapping[Work, int], seconds: float
    ) -> None:
        """Add a unit of work to the pace: `units_left` before and after it, its time [s]."""
        for work in before:
            if after[work] < before[work]:
                self._pace[work] = self._pace.get(work, seconds) * 0.98 + seconds * 0.02

    def round_began(self) -> None:
        """Start the time of a round, before its episodes are played or pre-training begins."""
        self._began = time.monotonic()

    def round_ended(self, index: int) -> None:
        """Stop the time of a round, after its updates."""
        if index > 0:
            self._round_seconds = time.monotonic() - self._began

    def line(self, loop: LearningLoop) -> str:
        """Return a line for people about the position of the loop."""
        counters = loop.counters
        stage = 'done' if loop.idle else f'{loop.stage.name} {counters.units_done}'
        of = '' if loop.idle else f'/{loop.stage.units}'
        left = self.seconds_left(loop)
        when = f'about {duration(left)} left' if math.isfinite(left) else 'time left unknown'
        return (
            f'round {counters.round}/{self._rounds}: {stage}{of}, {counters.policy_steps} policy '
            f'and {counters.critic_steps} critic updates so far{_taught(loop)}, {when}'
        )

    def seconds_left(self, loop: LearningLoop) -> float:
        """Estimate the time [s] for this round's updates and all later rounds; NaN if unknown."""
        this_round = sum(
            count * self._pace.get(work, math.nan)
            for work, count in loop.units_left.items()
            if count
        )
        later = self._rounds - loop.counters.round
        return this_round + (later * self._round_seconds if later else 0.0)


def _taught(loop: LearningLoop) -> str:
    """Return what π_opt last taught the policy; empty before the first distillation."""
    spread = loop.counters.distillation_spread
    if not spread:
        return ''
    changed = loop.counters.changed_token_share
    new = '' if changed is None else f' with {100 * changed:.0f} % new tokens'
    return f', spread {spread:.3g} teaches {loop.method.distillation_target}{new}'
