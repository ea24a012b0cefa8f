# SPDX-License-Identifier: Apache-2.0
"""Diffusion policy: DDPM with few steps over an LN-ResNet (PA-RL's default base policy)."""

from dataclasses import dataclass

import torch

from parl_policy.denoising_policy import DenoisingPolicy, DenoisingPolicyConfig
from parl_policy.ln_resnet import LNResNet
from parl_policy.noise_schedule import cosine_betas
from parl_policy.policy import ActionSpec, weigh_targets


@dataclass(frozen=True, kw_only=True)
class DiffusionPolicyConfig(DenoisingPolicyConfig):
    """Defaults are the paper's."""

    steps: int = 5
    """Denoising steps T."""


class DiffusionPolicy(DenoisingPolicy):
    """Implements `parl_policy.policy.ReparameterisedPolicy`."""

    betas: torch.Tensor
    alpha_bars: torch.Tensor

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: DiffusionPolicyConfig
    ) -> None:
        """Make an untrained policy."""
        super().__init__(observation_dim, action_spec, config)
        betas = torch.as_tensor(cosine_betas(config.steps), dtype=torch.float32)
        self.register_buffer('betas', betas)
        self.register_buffer('alpha_bars', torch.cumprod(1.0 - betas, 0))

    def denoise(
        self, network: LNResNet, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """DDPM ancestral sampling, clipped after every step; (B, k, D) in [-1, 1]."""
        features = network.encode(context).unsqueeze(1)  # (B, 1, H)
        shape = (len(context), count, self.action_spec.flat_dim)
        actions = torch.randn(shape, generator=generator)
        for step in reversed(range(self.steps)):
            beta, alpha_bar = self.betas[step], self.alpha_bars[step]
            noise = network(features, actions, torch.tensor([[[float(step)]]]))
            actions = (actions - beta / (1.0 - alpha_bar).sqrt() * noise) / (1.0 - beta).sqrt()
            if step > 0:
                actions = actions + beta.sqrt() * torch.randn(shape, generator=generator)
            actions = actions.clamp(-1.0, 1.0)
        return actions

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
        steps = torch.randint(self.steps, (*targets.shape[:2], 1), generator=generator)
        noise = torch.randn(targets.shape, generator=generator)
        alpha_bar = self.alpha_bars[steps]
        noisy = alpha_bar.sqrt() * targets + (1.0 - alpha_bar).sqrt() * noise
        predicted = self.network(self.network.encode(context).unsqueeze(1), noisy, steps.float())
        return weigh_targets((predicted - noise).square().sum(-1), weights)
