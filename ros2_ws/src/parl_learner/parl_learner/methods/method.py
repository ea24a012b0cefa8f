# SPDX-License-Identifier: Apache-2.0
"""The base class of learning methods: a method gives the stages of a round and does their units.

To add a method, write a file like those in this folder, its name in `Method` of
`training/learning_config.py` and its line in `registry.py`. No other code asks which method it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from typing import ClassVar

import torch

from parl_learner.methods.stage import Stage, StageName
from parl_learner.replay.recorded_episode import RecordedEpisode
from parl_learner.training.action_cache import ActionCache
from parl_learner.training.distillation_rule import TaughtTarget
from parl_learner.training.learning_config import LearningConfig
from parl_learner.training.learning_units import LearningUnits
from parl_learner.training.policy_trainer import PolicyTrainer
from parl_policy.observations import States


@dataclass
class Counters:
    """The position of the loop; every checkpoint keeps it."""

    round: int = -1
    """Current or last finished round; -1 before the first."""
    stage: int = 0
    """Index of the current stage in the round."""
    units_done: int = 0
    """Units done in that stage."""
    version: int = 0
    """Newest finished version of policy and critic."""
    policy_steps: int = 0
    critic_steps: int = 0
    distillation_spread: float = 0.0
    """Spread of the particles' values in the last distillation; 0 before the first."""
    changed_token_share: float | None = None
    """Share of numbers whose token π_opt changed in the last distillation; None without tokens."""
    is_put_back: bool = False
    """Whether the round began with the policy of a version before the newest."""


@dataclass(frozen=True)
class PracticeRound:
    """The data from which a round learns, in numbers."""

    steps: int
    """Control steps practised since the last round."""
    has_successes: bool
    """Whether the replay has a success."""
    rows: int
    """Number of observations in the replay."""
    new_rows: int
    """Number of observations of which the cache holds no samples of the policy."""


class LearningMethod(ABC):
    """Base of all methods; its class variables are read before an object is made."""

    trains_critic: ClassVar[bool] = True
    """Whether the method has a critic."""
    learns_with_critic: ClassVar[bool] = False
    """Whether policy and critic are updated in turns, and not in stages of their own."""
    needs_success: ClassVar[bool] = True
    """Whether the method learns nothing from data without a success."""
    needs_seeds: ClassVar[bool] = False
    """Whether the method draws a policy node's actions again, from the seeds in its episodes."""

    is_on_policy: ClassVar[bool] = False
    """Whether a round must be played with the policy that it then begins with."""

    def __init__(self, config: LearningConfig, units: LearningUnits, counters: Counters) -> None:
        """Keep the objects that the method changes.

        Args:
            config: All numbers.
            units: Policy, critic and replay, and the updates of them.
            counters: Position of the loop; a method writes only what it has
                measured of a distillation.

        Raises:
            ConfigError: The method cannot work with the policy class or with the device.
        """
        self.config, self.units, self.counters = config, units, counters

    @classmethod
    def check(cls, config: LearningConfig) -> None:
        """Refuse settings that this method cannot work with.

        Raises:
            ConfigError: The message names setting, value and remedy.
        """

    @classmethod
    def check_policy(cls, policy_trainer: PolicyTrainer, example: States) -> None:
        """Refuse a policy class that this method cannot train, before anything is trained.

        Args:
            policy_trainer: Trainer of the policy.
            example: One state.

        Raises:
            ConfigError: The message names what the policy class does not have.
        """

    @classmethod
    def acts_with_critic(cls, config: LearningConfig) -> bool:
        """Return whether the critic optimises the actions in practice."""
        return cls.trains_critic and config.acting == 'optimised'

    @classmethod
    def evaluates_with_critic(cls, config: LearningConfig) -> bool:
        """Return whether evaluations also play π_opt, and not only the policy alone."""
        return cls.acts_with_critic(config)

    @classmethod
    def backs_up_fresh_samples(cls, config: LearningConfig) -> bool:
        """Return whether each backup uses new samples of the policy."""
        is_renewed = cls.learns_with_critic and config.particle_refresh_steps == 1
        return is_renewed and config.critic_trainer.backup == 'policy'

    @classmethod
    def uses_candidates(cls, config: LearningConfig) -> bool:
        """Return whether the cache keeps samples of the policy for the states of the replay."""
        needs_actions = cls.trains_critic and config.critic_trainer.algorithms != {'iql'}
        return needs_actions and not cls.backs_up_fresh_samples(config)

    @property
    def distillation_target(self) -> TaughtTarget | None:
        """Particles that the policy is taught; None if the method teaches none."""
        return None

    def pretraining_stages(self, rows: int) -> tuple[Stage, ...]:
        """Return the stages of round 0, on demonstrations with so many observations."""
        imitating = Stage(
            StageName.IMITATING,
            self.config.imitation_steps,
            lambda _: self.units.imitate(),
            policy_updates=1.0,
        )
        critic_steps = self.config.offline_critic_steps * self.trains_critic
        return (
            *self._seeing_stages(),
            imitating,
            self._sampling_stage(rows),
            self._critic_stage(critic_steps),
        )

    @abstractmethod
    def practice_stages(self, practice: PracticeRound) -> tuple[Stage, ...]:
        """Return the stages of any later round."""

    def begin_practice(self) -> None:
        """Prepare for round 1; its episodes are in the replay."""

    def begin_round(self, episodes: Sequence[RecordedEpisode]) -> None:
        """Prepare for round 1 or a later round, with the episodes that are new in it."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the method's own tensors that a checkpoint keeps."""
        return {}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned."""

    def _seeing_stages(self) -> tuple[Stage, ...]:
        trainer = self.units.waypoint_trainer
        if trainer is None:
            return ()
        return (Stage(StageName.SEEING, trainer.config.steps, self.units.learn_to_see),)

    def _policy_steps(self, practice: PracticeRound) -> int:
        return math.ceil(practice.steps * self.config.policy_updates_per_step)

    def _critic_steps(self, practice: PracticeRound) -> int:
        return math.ceil(practice.steps * self.config.critic_updates_per_step)

    def _critic_stage(self, steps: int) -> Stage:
        return Stage(StageName.CRITIC, steps, self.units.improve_critic, critic_updates=1.0)

    def _sampling_stage(self, rows: int) -> Stage:
        blocks = sampling_blocks(rows) if self.uses_candidates(self.config) else 0
        return Stage(StageName.SAMPLING, blocks, self._sample)

    def _sample(self, unit: int) -> None:
        if unit == 0:
            self.units.forget_samples()
        self.units.sample_next()


def sampling_blocks(rows: int) -> int:
    """Return the number of units that draw the samples of so many observations."""
    return math.ceil(rows / ActionCache.ROWS_AT_ONCE)
