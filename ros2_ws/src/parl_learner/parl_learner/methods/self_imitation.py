# SPDX-License-Identifier: Apache-2.0
"""Self-imitation: only what came out better than expected is imitated."""

import torch

from parl_learner.methods.weighted_imitation import WeightedImitation
from parl_learner.replay.replay import Batch
from parl_learner.training.imitation_weights import self_imitation_weights


class SelfImitation(WeightedImitation):
    """Imitates with weights max(return - V, 0) (arXiv 1806.05635, Eq. 2)."""

    @torch.no_grad()
    def weights(self, batch: Batch) -> torch.Tensor:
        """See WeightedImitation."""
        seen = self.units.critic_sees(batch).observations
        values = self.units.critic_trainer.state_values(seen)
        return self_imitation_weights(batch.returns, values).unsqueeze(1)
