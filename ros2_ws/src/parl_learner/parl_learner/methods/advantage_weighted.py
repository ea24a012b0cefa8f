# SPDX-License-Identifier: Apache-2.0
"""Advantage-weighted regression: the better an action, the more it is imitated."""

import torch

from parl_learner.methods.weighted_imitation import WeightedImitation
from parl_learner.replay.replay import Batch
from parl_learner.training.imitation_weights import advantage_weights


class AdvantageWeighted(WeightedImitation):
    """Imitates with AWR's weights exp(β (Q - V)) (IQL, arXiv 2110.06169, Eq. 7)."""

    @torch.no_grad()
    def weights(self, batch: Batch) -> torch.Tensor:
        """See WeightedImitation."""
        units = self.units
        seen = units.critic_sees(batch)
        advantages = units.critic_trainer.advantages(seen, units.generator)
        weights = advantage_weights(
            advantages, self.config.advantage_scale, self.config.largest_advantage_weight
        )
        return weights.unsqueeze(1)
