# SPDX-License-Identifier: Apache-2.0
"""What a learning method is: it says which stages a round has, and does the units of each.

To add one, write a file like those beside this one and a line in `registry.py`; nothing else asks
which method it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from typing import ClassVar, Literal

import torch

from parl_learner.methods.stage import Stage, StageName
from parl_learner.replay.replay import RecordedEpisode
from parl_learner.training.action_cache import ActionCache
from parl_learner.training.learning_config import LearningConfig
from parl_learner.training.learning_units import LearningUnits
from parl_learner.training.policy_trainer import PolicyTrainer


@dataclass
class Counters:
    """Where the loop stands; saved in every checkpoint."""

    round: int = -1
    """Round under way or last finished; -1 before the first."""
    stage: int = 0
    """Index into the round's stages."""
    units_done: int = 0
    """Units of that stage."""
    version: int = 0
    """Newest finished policy and critic version."""
    policy_steps: int = 0
    critic_steps: int = 0
    distillation_spread: float = 0.0
    """Spread of the particles' values in the last round that taught the policy; 0 before one."""


@dataclass(frozen=True)
class PracticeRound:
    """What a round learns from."""

    steps: int
    """Control steps practised since the last round."""
    has_successes: bool
    """Whether the replay holds any."""
    rows: int
    """Observations in the replay."""
    new_rows: int
    """Those that came since the last round."""


class LearningMethod(ABC):
    """Base of all methods. Its traits are asked of the class, before anything is made."""

    trains_critic: ClassVar[bool] = True
    """Whether there is a critic at all."""
    learns_with_critic: ClassVar[bool] = False
    """Whether policy and critic are updated in turns, and not one after the other."""
    needs_success: ClassVar[bool] = True
    """Whether data without a success teach it nothing."""
    needs_seeds: ClassVar[bool] = False
    """Whether it draws a policy node's actions again, from the seed that its episodes keep."""

    def __init__(self, config: LearningConfig, units: LearningUnits, counters: Counters) -> None:
        """Take what is to be changed.

        Args:
            config: All numbers.
            units: Policy, critic, replay and the updates of them.
            counters: Where the loop stands; only `distillation_spread` is a method's to write.

        Raises:
            ConfigError: Method and policy class, or method and device, do not go together.
        """
        self.config, self.units, self.counters = config, units, counters

    @classmethod
    def check(cls, config: LearningConfig) -> None:
        """Refuse settings that this method cannot work with.

        Raises:
            ConfigError: Names setting, value and remedy.
        """

    @classmethod
    def check_policy(cls, policy_trainer: PolicyTrainer, observation_dim: int) -> None:
        """Refuse, before anything is trained, a policy class that this method cannot train.

        Args:
            policy_trainer: Of the policy.
            observation_dim: O.

        Raises:
            ConfigError: Names what the policy class lacks.
        """

    @classmethod
    def acts_with_critic(cls, config: LearningConfig) -> bool:
        """Whether the critic helps the policy to act in practice."""
        return cls.trains_critic and config.acting == 'optimised'

    @classmethod
    def evaluates_with_critic(cls, config: LearningConfig) -> bool:
        """Whether evaluations show π_opt beside the policy alone."""
        return cls.acts_with_critic(config)

    @classmethod
    def backs_up_fresh_samples(cls, config: LearningConfig) -> bool:
        """Whether backups take actions that the policy draws for that update alone."""
        is_renewed = cls.learns_with_critic and config.particle_refresh_steps == 1
        return is_renewed and config.critic_trainer.backup == 'policy'

    @classmethod
    def uses_candidates(cls, config: LearningConfig) -> bool:
        """Whether samples of the policy are kept for the states of the replay."""
        needs_actions = cls.trains_critic and config.critic_trainer.algorithms != {'iql'}
        return needs_actions and not cls.backs_up_fresh_samples(config)

    @property
    def distillation_target(self) -> Literal['softmax', 'argmax'] | None:
        """Particle that the policy is taught; None for a method that teaches it none."""
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
        return (imitating, self._sampling_stage(rows), self._critic_stage(critic_steps))

    @abstractmethod
    def practice_stages(self, practice: PracticeRound) -> tuple[Stage, ...]:
        """Return the stages of any later round."""

    def begin_practice(self) -> None:
        """Prepare for round 1, whose episodes are in the replay."""

    def begin_round(self, episodes: Sequence[RecordedEpisode]) -> None:
        """Prepare for round 1 or a later one, and the episodes that are new in it."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What a checkpoint keeps of the method's own."""
        return {}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Inverse of `state_dict`."""

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
            self.units.cache.forget_samples()
        self.units.sample_next()


def sampling_blocks(rows: int) -> int:
    """Count the units that draw the samples of so many observations."""
    return math.ceil(rows / ActionCache.ROWS_AT_ONCE)
