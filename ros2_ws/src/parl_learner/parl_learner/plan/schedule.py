# SPDX-License-Identifier: Apache-2.0
"""The next step of an experiment, from what is on disk: so it can always continue."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from parl_files.episode import Purpose
from parl_learner.methods.registry import method_of
from parl_learner.plan.experiment_config import ExperimentConfig


class Phase(StrEnum):
    """Phases of an experiment, in the words of its record and its report."""

    DEMONSTRATIONS = 'demonstrations'
    LEARNING = 'learning'
    IMITATION = 'imitation'
    """Evaluates the policy alone before practice."""
    PRETRAINED = 'pre-trained'
    """Evaluates the policy optimised by its critic before practice."""
    PRACTICE = 'practice'
    DISTILLED = 'distilled'
    """Evaluates the policy alone after practice."""
    FINE_TUNED = 'fine-tuned'
    """Evaluates the policy optimised by its critic after practice."""


@dataclass(frozen=True)
class EpisodeStep:
    """An episode that is to be played."""

    phase: Phase
    index: int
    """Number of the episode in the phase, from 0."""
    of: int
    """Number of episodes in the phase."""
    purpose: Purpose
    seed: int
    version: int
    """Policy version that acts; 0 is the demonstrator."""
    optimise: bool
    """Whether the critic optimises the actions, or the policy acts alone."""

    @property
    def episode_id(self) -> str:
        """Name that is unique in the experiment and the same after a restart."""
        return episode_id(self.phase, self.index)


@dataclass(frozen=True)
class LearnStep:
    """A version that the learner has to finish."""

    version: int

    @property
    def record_name(self) -> str:
        """Name of the step in the record of the experiment."""
        return f'version-{self.version}'


def episode_id(phase: str, index: int) -> str:
    """Return the name of an episode, from its place in the experiment."""
    return f'{phase}-{index:04d}'


def next_step(
    config: ExperimentConfig, completed: Collection[str], version: int
) -> EpisodeStep | LearnStep | None:
    """Return the next step; None when the experiment is finished.

    Args:
        config: The experiment.
        completed: Ids of the episodes on disk that were not aborted.
        version: The newest policy version.
    """
    for step in planned_steps(config):
        if isinstance(step, LearnStep):
            if version < step.version:
                return step
        elif step.episode_id not in completed:
            return step
    return None


def task_of(config: ExperimentConfig, step: EpisodeStep | LearnStep) -> str:
    """Return the name of the task on which a step is done."""
    pretrains = step == LearnStep(1) if isinstance(step, LearnStep) else not step.version
    return (pretrains and config.pretraining_task) or config.task


def planned_steps(config: ExperimentConfig) -> list[EpisodeStep | LearnStep]:
    """Return all steps of the experiment, in order."""
    method = method_of(config.learning)
    optimises = method.evaluates_with_critic(config.learning)
    acts_with_critic = method.acts_with_critic(config.learning)
    plan: list[EpisodeStep | LearnStep] = []
    plan += _episodes(config, Phase.DEMONSTRATIONS, range(config.demonstrations), 0, False)
    plan.append(LearnStep(1))
    evaluation = range(config.evaluation_episodes)
    before: list[EpisodeStep | LearnStep] = []
    before += _episodes(config, Phase.IMITATION, evaluation, 1, False)
    if optimises:
        before += _episodes(config, Phase.PRETRAINED, evaluation, 1, True)
    done, rounds, learned = 0, len(config.practice_rounds), 1
    for round_index in range(1, rounds + 1):
        version = max(1, round_index - config.rounds_ahead)
        if version > learned or not config.rounds_ahead:
            # The first evaluation comes when the learner is awaited first: it is busy meanwhile.
            plan, before = plan + before, []
        plan += [LearnStep(new) for new in range(learned + 1, version + 1)]
        learned = version
        needed = config.practice_needed(round_index)
        practice = range(done, needed)
        plan += _episodes(config, Phase.PRACTICE, practice, version, acts_with_critic)
        done = needed
    plan += before
    plan += [LearnStep(new) for new in range(learned + 1, rounds + 2)]
    plan += _episodes(config, Phase.DISTILLED, evaluation, rounds + 1, False)
    if optimises:
        plan += _episodes(config, Phase.FINE_TUNED, evaluation, rounds + 1, True)
    return plan


_PURPOSES = {
    Phase.DEMONSTRATIONS: Purpose.DEMONSTRATION,
    Phase.PRACTICE: Purpose.PRACTICE,
}
_SEED_BLOCKS = {Phase.DEMONSTRATIONS: 0, Phase.PRACTICE: 1}


def _episodes(
    config: ExperimentConfig, phase: Phase, indices: range, version: int, optimise: bool
) -> list[EpisodeStep]:
    block = config.seed * 3 + _SEED_BLOCKS.get(phase, 2)
    total = config.practice_episodes if phase == Phase.PRACTICE else len(indices)
    return [
        EpisodeStep(
            phase=phase,
            index=i,
            of=total,
            purpose=_PURPOSES.get(phase, Purpose.EVALUATION),
            seed=block * 10_000 + i,
            version=version,
            optimise=optimise,
        )
        for i in indices
    ]
