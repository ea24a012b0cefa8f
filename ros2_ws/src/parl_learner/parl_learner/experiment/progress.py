# SPDX-License-Identifier: Apache-2.0
"""Lines for the operator: how far an experiment is, and how long it still takes."""

from collections.abc import Iterable
import math
from typing import Protocol

from parl_files.episode import Purpose
from parl_learner.experiment.record import RecordedStep
from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.plan.gate import gate_results
from parl_learner.plan.schedule import EpisodeStep, LearnStep, Phase, planned_steps
from parl_learner.report.duration import duration


class LearnerProgress(Protocol):
    """The fields of parl_msgs/LearnerStatus that the lines show."""

    phase: str
    policy_steps: int
    policy_steps_due: int
    critic_steps: int
    critic_steps_due: int
    seconds_left: float


class ExperimentProgress:
    """Estimates the time that is left from the pace of the steps done so far."""

    def __init__(self, config: ExperimentConfig, done: Iterable[RecordedStep]) -> None:
        """Begin with the steps that were recorded before."""
        self._config = config
        self._plan = planned_steps(config)
        self._seconds: dict[str, list[float]] = {}
        self._successes: dict[str, bool] = {}  # by the name of each step that was done
        for recorded in done:
            self._count(recorded)

    def after(self, step: EpisodeStep | LearnStep, recorded: RecordedStep) -> str:
        """Return a line about a step that was just done."""
        self._count(recorded)
        left = f'about {duration(self.seconds_left())} left'
        if isinstance(step, LearnStep):
            done = 'learned' if step.version else 'made'
            return f'version {step.version} {done} in {duration(recorded.seconds)}, {left}'
        name = f'evaluating {step.phase}' if step.purpose == Purpose.EVALUATION else step.phase
        decision = ''
        if step.phase == Phase.GATE:
            name = f'gate of version {step.version}'
            for result in gate_results(self._config, self._successes):
                if result.version == step.version:  # this was the last of its episodes
                    decision = f'\n{result.sentence}'
        series = _series(step.episode_id)
        played = [success for name, success in self._successes.items() if _series(name) == series]
        return (
            f'{name:>22} {step.index + 1:3d}/{step.of}  '
            f'{"success" if recorded.success else "  -    "} after {recorded.steps:2d} steps  '
            f'({sum(played)}/{len(played)} so far), {left}{decision}'
        )

    def while_learning(self, version: int, learner: LearnerProgress) -> str:
        """Return a line about the learner at work."""
        if version == 0:
            return 'waiting for version 0, which the learner makes'
        return (
            f'learning version {version}: {learner.phase}, '
            f'policy {learner.policy_steps}/{learner.policy_steps_due}, '
            f'critic {learner.critic_steps}/{learner.critic_steps_due} updates, '
            f'{_or_unknown(learner.seconds_left)} left in this round'
        )

    def seconds_left(self) -> float:
        """Estimate the time until the experiment ends [s].

        For a phase that has not begun, the pace is that of the slowest phase so far.
        """
        episode_paces = [
            sum(values) / len(values)
            for phase, values in self._seconds.items()
            if phase != Phase.LEARNING
        ]
        learned = self._seconds.get(Phase.LEARNING, [60.0])[-1]
        total = 0.0
        for step in self._plan:
            if isinstance(step, LearnStep):
                total += learned * (step.record_name not in self._successes)
            elif step.episode_id not in self._successes:
                values = self._seconds.get(step.phase)
                total += sum(values) / len(values) if values else max(episode_paces, default=3.0)
        return total

    def _count(self, recorded: RecordedStep) -> None:
        if recorded.name != LearnStep(0).record_name:  # it is made, not learned
            self._seconds.setdefault(recorded.phase, []).append(recorded.seconds)
        self._successes[recorded.name] = recorded.success


def _series(name: str) -> str:
    """Return what the names of episodes have in common that are counted together."""
    return name.rpartition('-')[0]


def _or_unknown(seconds: float) -> str:
    return duration(seconds) if math.isfinite(seconds) else 'unknown time'
