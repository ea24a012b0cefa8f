# SPDX-License-Identifier: Apache-2.0
"""Diffusion policy: DDPM with few steps over an LN-ResNet (PA-RL's default base policy)."""

from collections.abc import Iterable
import copy
from dataclasses import dataclass
import itertools

import torch
from torch import nn

from parl_policy.ln_resnet import LNResNet
from parl_policy.noise_schedule import cosine_betas
from parl_policy.policy import ActionSpec
from parl_policy.resnet_encoder import ImageConfig, observation_encoder


@dataclass(frozen=True, kw_only=True)
class DiffusionPolicyConfig:
    """Defaults are the paper's."""

    hidden: int = 256
    """Width of the LN-ResNet."""
    blocks: int = 3
    """Residual blocks."""
    dropout: float = 0.1
    """In training only."""
    steps: int = 5
    """Denoising steps T."""
    ema_rate: float = 0.002
    """Samples come from weights that follow the trained ones at this rate per update."""
    image: ImageConfig | None = None
    """Where observations hold an image; its encoder is trained but not averaged, as released."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.steps < 1 or self.hidden < 1 or self.blocks < 1:
            raise ValueError(f'diffusion policy needs positive steps, hidden, blocks: {self}')
        if not 0.0 < self.ema_rate <= 1.0 or not 0.0 <= self.dropout < 1.0:
            raise ValueError(f'ema_rate must lie in (0, 1] and dropout in [0, 1): {self}')


class DiffusionPolicy(nn.Module):
    """Implements `parl_policy.policy.Policy`."""

    betas: torch.Tensor
    alpha_bars: torch.Tensor

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: DiffusionPolicyConfig
    ) -> None:
        """Make an untrained policy."""
        super().__init__()
        self.action_spec = action_spec
        self.config = config
        self.normaliser = observation_encoder(observation_dim, config.image)
        self.network = LNResNet(
            self.normaliser.features,
            action_spec.flat_dim,
            config.hidden,
            config.blocks,
            config.dropout,
        )
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        betas = torch.as_tensor(cosine_betas(config.steps), dtype=torch.float32)
        self.register_buffer('betas', betas)
        self.register_buffer('alpha_bars', torch.cumprod(1.0 - betas, 0))

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Take mean and spread of (N, O)."""
        self.normaliser.fit(observations)

    def encode(self, observations: torch.Tensor) -> torch.Tensor:
        """States (B, S), normalised or encoded; trained and averaged network share them."""
        return self.normaliser(observations)

    @torch.no_grad()
    def sample(
        self, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """DDPM ancestral sampling with the averaged weights, clipped after every step.

        Binary entries are diffused like the others and snapped at the end.

        Returns:
            (B, k, D) in [-1, 1].
        """
        features = self.average.encode(context).unsqueeze(1)  # (B, 1, H)
        shape = (len(context), count, self.action_spec.flat_dim)
        actions = torch.randn(shape, generator=generator)
        for step in reversed(range(self.config.steps)):
            beta, alpha_bar = self.betas[step], self.alpha_bars[step]
            noise = self.average(features, actions, torch.tensor([[[float(step)]]]))
            actions = (actions - beta / (1.0 - alpha_bar).sqrt() * noise) / (1.0 - beta).sqrt()
            if step > 0:
                actions += beta.sqrt() * torch.randn(shape, generator=generator)
            actions = actions.clamp(-1.0, 1.0)
        return self.action_spec.snap(actions)

    def loss(
        self,
        context: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Squared error of the predicted noise, summed over action dimensions (DDPM Eq. 14).

        Returns:
            (B,).
        """
        steps = torch.randint(self.config.steps, (*targets.shape[:2], 1), generator=generator)
        noise = torch.randn(targets.shape, generator=generator)
        alpha_bar = self.alpha_bars[steps]
        noisy = alpha_bar.sqrt() * targets + (1.0 - alpha_bar).sqrt() * noise
        predicted = self.network(self.network.encode(context).unsqueeze(1), noisy, steps.float())
        errors = (predicted - noise).square().sum(-1)  # (B, m)
        return errors.mean(1) if weights is None else (weights * errors).sum(1)

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """The weights of network and encoder; the average follows by `after_update`."""
        return itertools.chain(self.network.parameters(), self.normaliser.parameters())

    @torch.no_grad()
    def after_update(self) -> None:
        """Move the averaged weights a little towards the trained ones."""
        for average, trained in zip(
            self.average.parameters(), self.network.parameters(), strict=True
        ):
            average.lerp_(trained, self.config.ema_rate)
