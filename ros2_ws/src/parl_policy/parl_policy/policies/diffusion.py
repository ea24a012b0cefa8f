# SPDX-License-Identifier: Apache-2.0
"""Diffusion policy: DDPM with few steps over an LN-ResNet (PA-RL's default base policy)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from parl_policy.networks.ln_resnet import LNResNet
from parl_policy.policies.denoising import DenoisingPolicy, DenoisingPolicyConfig
from parl_policy.policies.noise_schedule import cosine_betas
from parl_policy.policy import ActionSpec, weigh_targets


@dataclass(frozen=True, kw_only=True)
class DiffusionPolicyConfig(DenoisingPolicyConfig):
    """Settings of a diffusion policy; the defaults are the paper's."""

    steps: int = 5
    """Number of denoising steps T."""
    least_std: float = 0.0
    """Least standard deviation of the noise of a step; 0 is DDPM, whose last step has none.

    DPPO (arXiv 2409.00588) explores with 0.1; it needs a density, so more than 0. Evaluations
    use 0.
    """

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if self.least_std < 0.0:
            raise ValueError(f'least_std must be 0 or more: {self.least_std}')


class DiffusionPolicy(DenoisingPolicy):
    """Implements `ReparameterisedPolicy` and `ExploringPolicy` of `parl_policy.policy`."""

    betas: torch.Tensor
    alpha_bars: torch.Tensor
    ddpm_stds: torch.Tensor
    stds: torch.Tensor

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: DiffusionPolicyConfig
    ) -> None:
        """Make an untrained policy."""
        super().__init__(observation_dim, action_spec, config)
        betas = torch.as_tensor(cosine_betas(config.steps), dtype=torch.float32)
        self.register_buffer('betas', betas)
        self.register_buffer('alpha_bars', torch.cumprod(1.0 - betas, 0))
        self._least_std = config.least_std
        stds = betas.sqrt() * (torch.arange(config.steps) > 0)
        self.register_buffer('ddpm_stds', stds, persistent=False)
        self.register_buffer('stds', stds.clamp(min=config.least_std), persistent=False)

    def denoise(
        self, network: LNResNet, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Draw actions (B, k, D) in [-1, 1] by DDPM ancestral sampling, clipped at every step."""
        return self.denoising_chain(network, context, count, generator)[-1].clamp(-1.0, 1.0)

    @torch.no_grad()
    def exploit(self, context: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw one action per state (B, D) as if `least_std` were 0."""
        chain = self.denoising_chain(self.average, context, 1, generator, explores=False)
        return self.action_spec.snap(chain[-1].clamp(-1.0, 1.0)).squeeze(1)

    def denoising_chain(
        self,
        network: LNResNet,
        context: torch.Tensor,
        count: int,
        generator: torch.Generator,
        explores: bool = True,
    ) -> torch.Tensor:
        """Return the chain (T + 1, B, k, D): the noise, then each step's draw before clipping."""
        stds = self.stds if explores else self.ddpm_stds
        last_is_drawn = explores and self._least_std > 0.0
        features = network.encode(context).unsqueeze(1)  # (B, 1, H)
        shape = (len(context), count, self.action_spec.flat_dim)
        chain = [torch.randn(shape, generator=generator)]
        for step in reversed(range(self.steps)):
            drawn = self._mean(network, features, chain, step)
            if step > 0 or last_is_drawn:
                drawn = drawn + stds[step] * torch.randn(shape, generator=generator)
            chain.append(drawn)
        return torch.stack(chain)

    def chain_log_probs(
        self, network: LNResNet, context: torch.Tensor, chain: torch.Tensor
    ) -> torch.Tensor:
        """Return the log-density of each step's draw given the draw before it.

        `least_std` must not be 0.

        Args:
            network: The trained network or the average.
            context: (B, S) from `encode`.
            chain: (T + 1, B, k, D) from `denoising_chain`.

        Returns:
            (T, B, k), in the order of the denoising steps.
        """
        features = network.encode(context).unsqueeze(1)
        log_probs = []
        for index, step in enumerate(reversed(range(self.steps))):
            mean = self._mean(network, features, chain[: index + 1], step)
            density = torch.distributions.Normal(mean, self.stds[step])
            log_probs.append(density.log_prob(chain[index + 1]).sum(-1))
        return torch.stack(log_probs)

    def _mean(
        self,
        network: LNResNet,
        features: torch.Tensor,
        chain: Sequence[torch.Tensor] | torch.Tensor,
        step: int,
    ) -> torch.Tensor:
        """Return the mean of a step's draw from the last draw of `chain`, clipped unless noise."""
        actions = chain[-1] if len(chain) == 1 else chain[-1].clamp(-1.0, 1.0)
        beta, alpha_bar = self.betas[step], self.alpha_bars[step]
        noise = network(features, actions, actions.new_full((1, 1, 1), float(step)))
        return (actions - beta / (1.0 - alpha_bar).sqrt() * noise) / (1.0 - beta).sqrt()

    def loss(
        self,
        context: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the squared error of the predicted noise, summed over the action (DDPM Eq. 14).

        Returns:
            (B,).
        """
        steps = torch.randint(self.steps, (*targets.shape[:2], 1), generator=generator)
        noise = torch.randn(targets.shape, generator=generator)
        alpha_bar = self.alpha_bars[steps]
        noisy = alpha_bar.sqrt() * targets + (1.0 - alpha_bar).sqrt() * noise
        predicted = self.network(self.network.encode(context).unsqueeze(1), noisy, steps.float())
        return weigh_targets((predicted - noise).square().sum(-1), weights)
