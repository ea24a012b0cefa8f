# SPDX-License-Identifier: Apache-2.0
"""Weighted imitation of the data by an IQL critic's state value: AWR and self-imitation."""

from abc import abstractmethod

import torch

from parl_files.config_file import ConfigError
from parl_learner.methods.imitation import Imitation
from parl_learner.replay.replay import Batch
from parl_learner.training.imitation_weights import advantage_weights, self_imitation_weights
from parl_learner.training.learning_config import LearningConfig


class WeightedImitation(Imitation):
    """Base class of the methods that need a state value."""

    @classmethod
    def check(cls, config: LearningConfig) -> None:
        """See LearningMethod."""
        if not config.critic_trainer.algorithms <= {'iql'}:
            raise ConfigError(
                f'method {str(config.method)!r} needs the state value of critic_trainer.algorithm '
                f"'iql', found {config.critic_trainer.algorithm!r}"
            )

    @abstractmethod
    def weights(self, batch: Batch) -> torch.Tensor:
        """Return the weights (B, 1) of the data's actions."""


class AdvantageWeighted(WeightedImitation):
    """Imitates with AWR's weights exp(β (Q - V)) (IQL, arXiv 2110.06169, Eq. 7)."""

    @torch.no_grad()
    def weights(self, batch: Batch) -> torch.Tensor:
        """See WeightedImitation."""
        advantages = self.units.critic_trainer.advantages(batch, self.units.generator)
        weights = advantage_weights(
            advantages, self.config.advantage_scale, self.config.largest_advantage_weight
        )
        return weights.unsqueeze(1)


class SelfImitation(WeightedImitation):
    """Imitates with weights max(return - V, 0) (arXiv 1806.05635, Eq. 2)."""

    @torch.no_grad()
    def weights(self, batch: Batch) -> torch.Tensor:
        """See WeightedImitation."""
        values = self.units.critic_trainer.state_values(batch.observations)
        return self_imitation_weights(batch.returns, values).unsqueeze(1)
