# SPDX-License-Identifier: Apache-2.0
"""The common part of diffusion and flow policies: an LN-ResNet and its moving average."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
import copy
from dataclasses import dataclass
import itertools
from typing import Self

import torch
from torch import nn

from parl_policy.networks.ln_resnet import LNResNet
from parl_policy.networks.observation_encoder import observation_encoder, SightedConfig
from parl_policy.observations import States
from parl_policy.policy import ActionSpec


@dataclass(frozen=True, kw_only=True)
class DenoisingPolicyConfig(SightedConfig):
    """Settings of a denoising policy; the defaults are the paper's."""

    hidden: int = 256
    """Width of the LN-ResNet."""
    blocks: int = 3
    """Number of residual blocks."""
    dropout: float = 0.1
    """Dropout rate in training."""
    steps: int = 5
    """Network evaluations per sample."""
    ema_rate: float = 0.002
    """Rate per update at which the averaged weights, which sample, follow the trained ones."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.steps < 1 or self.hidden < 1 or self.blocks < 1:
            raise ValueError(f'steps, hidden and blocks must be at least 1: {self}')
        if not 0.0 < self.ema_rate <= 1.0 or not 0.0 <= self.dropout < 1.0:
            raise ValueError(f'ema_rate must lie in (0, 1] and dropout in [0, 1): {self}')


class DenoisingPolicy(nn.Module, ABC):
    """Implements `parl_policy.policy.ReparameterisedPolicy` except `denoise` and `loss`."""

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: DenoisingPolicyConfig
    ) -> None:
        """Make untrained networks."""
        super().__init__()
        self.action_spec = action_spec
        self.steps = config.steps
        self.ema_rate = config.ema_rate
        self.normaliser = observation_encoder(observation_dim, config.vision)
        self.network = LNResNet(
            self.normaliser.features,
            action_spec.flat_dim,
            config.hidden,
            config.blocks,
            config.dropout,
        )
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Set the normaliser to mean and standard deviation of (N, O)."""
        self.normaliser.fit(observations)

    def encode(self, observations: States) -> torch.Tensor:
        """Return states (B, S), normalised or encoded, for the trained and averaged network."""
        return self.normaliser(observations)

    @abstractmethod
    def denoise(
        self, network: LNResNet, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Turn noise into actions (B, k, D) in [-1, 1] with this network."""

    @torch.no_grad()
    def sample(
        self, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Denoise with the averaged weights, and snap binary entries at the end.

        Returns:
            (B, k, D) in [-1, 1].
        """
        return self.action_spec.snap(self.denoise(self.average, context, count, generator))

    def rsample(
        self, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, None]:
        """Denoise with the trained weights, without snapping, with gradients through all steps.

        Returns:
            (B, k, D), and None for the log-probabilities.
        """
        return self.denoise(self.network, context, count, generator), None

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """Return the weights of network and encoder, without the averaged ones."""
        return itertools.chain(self.network.parameters(), self.normaliser.parameters())

    @torch.no_grad()
    def after_update(self) -> None:
        """Move the averaged weights a little towards the trained ones."""
        for average, trained in zip(
            self.average.parameters(), self.network.parameters(), strict=True
        ):
            average.lerp_(trained, self.ema_rate)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; the average stays in evaluation mode, so samples have no dropout."""
        super().train(mode)
        self.average.eval()
        return self
