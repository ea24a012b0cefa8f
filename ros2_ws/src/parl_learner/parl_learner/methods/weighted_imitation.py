# SPDX-License-Identifier: Apache-2.0
"""What methods share that imitate the data weighed by an IQL critic's state value."""

from abc import abstractmethod

import torch

from parl_files.config_file import ConfigError
from parl_learner.methods.imitation import Imitation
from parl_learner.replay.replay import Batch
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
