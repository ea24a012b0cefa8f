# SPDX-License-Identifier: Apache-2.0
"""The stages of a round of learning; each consists of equal units of work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
import math


class StageName(StrEnum):
    """Kinds of stages."""

    SEEING = 'seeing'
    IMITATING = 'imitating'
    IMITATING_SUCCESSES = 'imitating_successes'
    POLICY_GRADIENT = 'policy_gradient'
    SAMPLING = 'sampling'
    SAMPLING_NEW = 'sampling_new'
    DISTILLING = 'distilling'
    CRITIC = 'critic'
    ACTOR_CRITIC = 'actor_critic'
    FINISHING = 'finishing'


class LearnerPhase(StrEnum):
    """What an operator is told of the learner, in parl_msgs/LearnerStatus."""

    WAITING = 'waiting'
    PRETRAINING = 'pretraining'
    CACHING = 'caching'
    DISTILLING = 'distilling'
    CRITIC = 'critic'


PHASES = {
    StageName.SEEING: LearnerPhase.PRETRAINING,
    StageName.IMITATING: LearnerPhase.PRETRAINING,
    StageName.IMITATING_SUCCESSES: LearnerPhase.DISTILLING,
    StageName.POLICY_GRADIENT: LearnerPhase.DISTILLING,
    StageName.SAMPLING: LearnerPhase.CACHING,
    StageName.SAMPLING_NEW: LearnerPhase.CACHING,
    StageName.DISTILLING: LearnerPhase.DISTILLING,
    StageName.CRITIC: LearnerPhase.CRITIC,
    StageName.ACTOR_CRITIC: LearnerPhase.CRITIC,
    StageName.FINISHING: LearnerPhase.CRITIC,
}
"""Phase of each stage."""


class Work(StrEnum):
    """Kinds of work that take the time of a stage."""

    POLICY = 'policy'
    CRITIC = 'critic'
    SAMPLING = 'sampling'
    SEEING = 'seeing'


@dataclass(frozen=True)
class Stage:
    """A phase of a round: equal units of work."""

    name: StageName
    units: int
    unit: Callable[[int], None]
    """Function that does one unit, given its number from 0."""
    policy_updates: float = 0.0
    """Policy updates per unit; with a fraction, only some units have one."""
    critic_updates: float = 0.0
    """Critic updates per unit."""

    @property
    def work(self) -> Work | None:
        """Kind of work that takes the time of the stage; None if it takes no time."""
        if self.critic_updates > 0:
            return Work.CRITIC
        if self.policy_updates > 0:
            return Work.POLICY
        if self.name == StageName.SEEING:
            return Work.SEEING
        is_sampling = self.name in (StageName.SAMPLING, StageName.SAMPLING_NEW)
        return Work.SAMPLING if is_sampling else None

    def updates(self, unit: int) -> tuple[int, int]:
        """Return the numbers of policy and of critic updates in a unit, which counts from 0."""
        policy, critic = (
            math.floor((unit + 1) * rate) - math.floor(unit * rate)
            for rate in (self.policy_updates, self.critic_updates)
        )
        return policy, critic


def updates_left(stages: Sequence[Stage], units_done: int) -> dict[Work, int]:
    """Return the updates left in these stages by kind, after some units of the first stage."""
    left = {Work.POLICY: 0, Work.CRITIC: 0}
    for index, stage in enumerate(stages):
        done = units_done if index == 0 else 0
        rates = {Work.POLICY: stage.policy_updates, Work.CRITIC: stage.critic_updates}
        for work, rate in rates.items():
            left[work] += math.floor(stage.units * rate) - math.floor(done * rate)
    return left


def units_left(stages: Sequence[Stage], units_done: int) -> dict[Work, int]:
    """Return the units left in these stages by `Stage.work`, after some units of the first."""
    left = dict.fromkeys(Work, 0)
    for index, stage in enumerate(stages):
        if stage.work is not None:
            left[stage.work] += stage.units - (units_done if index == 0 else 0)
    return left
