# SPDX-License-Identifier: Apache-2.0
"""What diffusion and flow policies share: an LN-ResNet, and the average of it that samples."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
import copy
from dataclasses import dataclass
import itertools
from typing import Self

import torch
from torch import nn

from parl_policy.networks.ln_resnet import LNResNet
from parl_policy.networks.resnet_encoder import ImageConfig, observation_encoder
from parl_policy.policy import ActionSpec


@dataclass(frozen=True, kw_only=True)
class DenoisingPolicyConfig:
    """Defaults are the paper's."""

    hidden: int = 256
    """Width of the LN-ResNet."""
    blocks: int = 3
    """Residual blocks."""
    dropout: float = 0.1
    """In training only."""
    steps: int = 5
    """Network evaluations in a sample."""
    ema_rate: float = 0.002
    """Samples come from weights that follow the trained ones at this rate per update."""
    image: ImageConfig | None = None
    """Where observations hold an image; its encoder is trained but not averaged, as released."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.steps < 1 or self.hidden < 1 or self.blocks < 1:
            raise ValueError(f'steps, hidden and blocks must be at least 1: {self}')
        if not 0.0 < self.ema_rate <= 1.0 or not 0.0 <= self.dropout < 1.0:
            raise ValueError(f'ema_rate must lie in (0, 1] and dropout in [0, 1): {self}')


class DenoisingPolicy(nn.Module, ABC):
    """All of `parl_policy.policy.ReparameterisedPolicy` but the way of denoising and the loss."""

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: DenoisingPolicyConfig
    ) -> None:
        """Make untrained networks."""
        super().__init__()
        self.action_spec = action_spec
        self.steps = config.steps
        self.ema_rate = config.ema_rate
        self.normaliser = observation_encoder(observation_dim, config.image)
        self.network = LNResNet(
            self.normaliser.features,
            action_spec.flat_dim,
            config.hidden,
            config.blocks,
            config.dropout,
        )
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Take mean and spread of (N, O)."""
        self.normaliser.fit(observations)

    def encode(self, observations: torch.Tensor) -> torch.Tensor:
        """States (B, S), normalised or encoded; trained and averaged network share them."""
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
        """Denoise with the averaged weights; binary entries like the others, snapped at the end.

        Returns:
            (B, k, D) in [-1, 1].
        """
        return self.action_spec.snap(self.denoise(self.average, context, count, generator))

    def rsample(
        self, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, None]:
        """The same with the trained weights, not snapped, and with gradients through all steps.

        Returns:
            (B, k, D), and None for the log-probabilities.
        """
        return self.denoise(self.network, context, count, generator), None

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """The weights of network and encoder; the average follows by `after_update`."""
        return itertools.chain(self.network.parameters(), self.normaliser.parameters())

    @torch.no_grad()
    def after_update(self) -> None:
        """Move the averaged weights a little towards the trained ones."""
        for average, trained in zip(
            self.average.parameters(), self.network.parameters(), strict=True
        ):
            average.lerp_(trained, self.ema_rate)

    def train(self, mode: bool = True) -> Self:
        """Change mode; the average stays in evaluation, so no sample ever sees dropout."""
        super().train(mode)
        self.average.eval()
        return self
