# SPDX-License-Identifier: Apache-2.0
"""A policy class of your own, here a plain `torch.nn.Module` from observation to action.

Such a network is deterministic, but PA-RL ranks several actions per state, so noise is added.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Generator, nn, Tensor

from parl_policy.networks.observation_normaliser import ObservationNormaliser
from parl_policy.policy import ActionSpec, weigh_targets


@dataclass(frozen=True, kw_only=True)
class ModulePolicyConfig:
    """The keys that an experiment file may have under `policy`."""

    hidden: int = 256
    """Width of the network."""
    noise: float = 0.2
    """Standard deviation of samples around the network's action."""


class ModulePolicy(nn.Module):
    """Implements `parl_policy.policy.Policy`; policy_class: module_policy:ModulePolicy."""

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: ModulePolicyConfig
    ) -> None:
        super().__init__()
        self.action_spec = action_spec
        self.noise = config.noise
        self.normaliser = ObservationNormaliser(observation_dim)
        self.network = nn.Sequential(  # put your module here
            nn.Linear(observation_dim, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, action_spec.flat_dim),
        )

    def fit_normalisation(self, observations: Tensor) -> None:
        """Set the normaliser to mean and standard deviation of (N, O)."""
        self.normaliser.fit(observations)

    def encode(self, observations: Tensor) -> Tensor:
        """Return the network's action (B, D)."""
        return self.network(self.normaliser(observations))

    @torch.no_grad()
    def sample(self, context: Tensor, count: int, generator: Generator) -> Tensor:
        """Draw `count` actions per state (B, k, D): the network's action plus noise."""
        noise = torch.randn(len(context), count, context.shape[1], generator=generator)
        actions = context.unsqueeze(1) + self.noise * noise
        return self.action_spec.snap(actions.clamp(-1.0, 1.0))

    def loss(
        self, context: Tensor, targets: Tensor, weights: Tensor | None, generator: Generator
    ) -> Tensor:
        """Return the squared error of each state (B,)."""
        return weigh_targets((context.unsqueeze(1) - targets).square().sum(-1), weights)

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """Return all weights."""
        return self.network.parameters()

    def after_update(self) -> None:
        """Do nothing: there is no moving average."""
