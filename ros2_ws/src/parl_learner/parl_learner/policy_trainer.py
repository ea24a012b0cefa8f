# SPDX-License-Identifier: Apache-2.0
"""Trains a policy on given actions with its own supervised loss (PA-RL Eq. 4.4-4.5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from parl_learner.state_tensors import (
    load_optimiser_tensors,
    optimiser_tensors,
    part,
    prefixed,
)
from parl_policy.policy import Policy


@dataclass(frozen=True, kw_only=True)
class PolicyTrainerConfig:
    """Learning rates of imitation and of distillation differ; the rest is shared."""

    imitation_learning_rate: float = 3e-4
    """Adam, while imitating demonstrations."""
    distillation_learning_rate: float = 5e-5
    """Adam, while following the optimised actions; its moments start afresh."""


class PolicyTrainer:
    """Owns the policy's optimiser."""

    def __init__(self, policy: Policy, config: PolicyTrainerConfig) -> None:
        """Begin with imitation."""
        self.policy = policy
        self.config = config
        self.optimiser = self._adam(config.imitation_learning_rate)

    def begin_distillation(self) -> None:
        """Change to the distillation learning rate, with fresh moments."""
        self.optimiser = self._adam(self.config.distillation_learning_rate)

    def update(
        self,
        observations: torch.Tensor,
        targets: torch.Tensor,
        generator: torch.Generator,
    ) -> float:
        """One gradient step on targets (B, m, D); returns the loss."""
        loss = self.policy.loss(self.policy.encode(observations), targets, None, generator).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.policy.after_update()
        return loss.item()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What a checkpoint keeps beside the policy."""
        return prefixed('adam', optimiser_tensors(self.optimiser))

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Inverse of `state_dict`."""
        load_optimiser_tensors(self.optimiser, part(state, 'adam'))

    def _adam(self, learning_rate: float) -> torch.optim.Adam:
        parameters: Iterator[torch.nn.Parameter] = iter(self.policy.trainable_parameters())
        return torch.optim.Adam(parameters, lr=learning_rate, fused=True)
