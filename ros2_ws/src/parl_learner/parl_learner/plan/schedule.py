# SPDX-License-Identifier: Apache-2.0
"""The next step of an experiment, from what is on disk: so it can always continue."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from parl_files.episode import Purpose
from parl_learner.methods.registry import method_of
from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.plan.gate import gate_episode_id, kept_versions


class Phase(StrEnum):
    """Phases of an experiment, in the words of its record and its report."""

    DEMONSTRATIONS = 'demonstrations'
    ZERO_SHOT = 'zero-shot'
    """Takes the place of demonstrations: the policy plays as its class makes it."""
    LEARNING = 'learning'
    IMITATION = 'imitation'
    """Evaluates the policy alone before practice."""
    PRETRAINED = 'pre-trained'
    """Evaluates the policy optimised by its critic before practice."""
    GATE = 'gate'
    """Evaluates a new version as it would practise, to keep it or the one before."""
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
    """Policy version that acts; 0 is the demonstrator, or the zero-shot policy."""
    optimise: bool
    """Whether the critic optimises the actions, or the policy acts alone."""

    @property
    def episode_id(self) -> str:
        """Name that is unique in the experiment and the same after a restart."""
        if self.phase == Phase.GATE:
            return gate_episode_id(self.version, self.index)
        return f'{self.phase}-{self.index:04d}'


@dataclass(frozen=True)
class LearnStep:
    """A version that the learner has to finish; 0 it only makes."""

    version: int

    @property
    def record_name(self) -> str:
        """Name of the step in the record of the experiment."""
        return f'version-{self.version}'


def next_step(
    config: ExperimentConfig, successes: Mapping[str, bool], version: int
) -> EpisodeStep | LearnStep | None:
    """Return the next step; None when the experiment is finished.

    Args:
        config: The experiment.
        successes: Whether each episode on disk that was not aborted was a success, by id.
        version: The newest policy version; -1 if there is none, not even version 0.
    """
    for step in planned_steps(config, successes):
        if isinstance(step, LearnStep):
            if version < step.version:
                return step
        elif step.episode_id not in successes:
            return step
    return None


def task_of(config: ExperimentConfig, step: EpisodeStep | LearnStep) -> str:
    """Return the name of the task on which a step is done."""
    pretrains = step.version <= (1 if isinstance(step, LearnStep) else 0)
    return (pretrains and config.pretraining_task) or config.task


def planned_steps(
    config: ExperimentConfig, successes: Mapping[str, bool] = MappingProxyType({})
) -> list[EpisodeStep | LearnStep]:
    """Return all steps of the experiment, in order.

    Args:
        config: The experiment.
        successes: As in `next_step`. They decide who acts after a gate, never which episodes
            there are; the plan takes it that a gate which is not played yet will keep the version.
    """
    method = method_of(config.learning)
    optimises = method.evaluates_with_critic(config.learning)
    acts_with_critic = method.acts_with_critic(config.learning)
    plan: list[EpisodeStep | LearnStep] = []
    first = Phase.ZERO_SHOT if config.is_zero_shot else Phase.DEMONSTRATIONS
    if config.is_zero_shot:
        plan.append(LearnStep(0))
    plan += _episodes(config, first, range(config.demonstrations), 0, False)
    plan.append(LearnStep(1))
    evaluation = range(config.evaluation_episodes)
    gate = range(config.gate_episodes)
    kept = kept_versions(config, successes)
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
        plan += _episodes(config, Phase.GATE, gate, version, acts_with_critic)
        needed = config.practice_needed(round_index)
        practice, actor = range(done, needed), kept.get(version, version)
        plan += _episodes(config, Phase.PRACTICE, practice, actor, acts_with_critic)
        done = needed
    plan += before
    last = rounds + 1
    plan += [LearnStep(new) for new in range(learned + 1, last + 1)]
    plan += _episodes(config, Phase.GATE, gate, last, acts_with_critic)
    final = kept.get(last, last)
    plan += _episodes(config, Phase.DISTILLED, evaluation, final, False)
    if optimises:
        plan += _episodes(config, Phase.FINE_TUNED, evaluation, final, True)
    return plan


_PURPOSES = {
    Phase.DEMONSTRATIONS: Purpose.DEMONSTRATION,
    Phase.ZERO_SHOT: Purpose.DEMONSTRATION,
    Phase.PRACTICE: Purpose.PRACTICE,
}
_FIRST_SEEDS = {
    Phase.DEMONSTRATIONS: 0,
    Phase.ZERO_SHOT: 0,
    Phase.PRACTICE: 10_000,
    Phase.GATE: 25_000,
}
_FIRST_EVALUATION_SEED = 20_000
"""All evaluations start alike; those of the gate, which chooses, start elsewhere."""
_SEEDS_OF_AN_EXPERIMENT = 30_000


def _episodes(
    config: ExperimentConfig, phase: Phase, indices: range, version: int, optimise: bool
) -> list[EpisodeStep]:
    first = config.seed * _SEEDS_OF_AN_EXPERIMENT
    first += _FIRST_SEEDS.get(phase, _FIRST_EVALUATION_SEED)
    total = config.practice_episodes if phase == Phase.PRACTICE else len(indices)
    return [
        EpisodeStep(
            phase=phase,
            index=i,
            of=total,
            purpose=_PURPOSES.get(phase, Purpose.EVALUATION),
            seed=first + i,
            version=version,
            optimise=optimise,
        )
        for i in indices
    ]
