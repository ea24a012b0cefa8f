# SPDX-License-Identifier: Apache-2.0
"""IDQL: the policy imitates all data equally, and the critic chooses among its samples."""

import torch

from parl_learner.methods.actor_critic import ActorCritic
from parl_learner.replay.replay import Batch


class Imitation(ActorCritic):
    """Imitates all data equally; base class of the methods that weigh the data."""

    def follow_critic(self) -> None:
        """Do one policy update on actions of the data."""
        batch = self.units.draw(self.config.imitation_batch_size, self.config.mixing_ratio)
        self.units.teach_data(batch, self.weights(batch))

    def weights(self, batch: Batch) -> torch.Tensor | None:
        """Return the weights (B, 1) of the data's actions; None gives all the same weight."""
        del batch
        return None
