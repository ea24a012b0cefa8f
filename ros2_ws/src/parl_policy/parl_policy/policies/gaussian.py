# SPDX-License-Identifier: Apache-2.0
"""Gaussian policy: a normal distribution squashed into [-1, 1] by tanh (SAC, arXiv 1812.05905)."""

from collections.abc import Iterable
from dataclasses import dataclass
import math

import torch
from torch import nn
from torch.nn.functional import softplus

from parl_policy.networks.observation_encoder import observation_encoder, SightedConfig
from parl_policy.observations import States
from parl_policy.policy import ActionSpec, weigh_targets

MAX_ABS_ACTION = 0.99999
"""Given actions are clipped to ± this before atanh, as in the authors' release. atanh of ±1 is
infinite, atanh of this is 6.10."""


@dataclass(frozen=True, kw_only=True)
class GaussianPolicyConfig(SightedConfig):
    """Settings of a Gaussian policy; the size is the usual one in offline RL."""

    hidden: tuple[int, ...] = (256, 256)
    """Width of each layer."""
    log_std: tuple[float, float] = (-5.0, 2.0)
    """Range of the log standard deviation before tanh; its limits are smooth for gradients."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f'hidden needs one positive width or more: {self.hidden}')
        if not self.log_std[0] < self.log_std[1]:
            raise ValueError(f'log_std must be a range, low before high: {self.log_std}')


class GaussianPolicy(nn.Module):
    """Implements `parl_policy.policy.ReparameterisedPolicy`, with log-probabilities.

    Each number u of the action before tanh is drawn from N(mean, std²); the network computes both
    from the state. A binary entry is the sign of its u, and +1 has the probability Φ(mean / std).
    So the log-probability of an action is the sum of log-densities of continuous entries and
    log-probabilities of binary ones.
    """

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: GaussianPolicyConfig
    ) -> None:
        """Make an untrained policy."""
        super().__init__()
        self.action_spec = action_spec
        self.config = config
        self.normaliser = observation_encoder(observation_dim, config.vision)
        layers: list[nn.Module] = []
        width = self.normaliser.features
        for hidden in config.hidden:
            layers += [nn.Linear(width, hidden), nn.SiLU()]
            width = hidden
        self.network = nn.Sequential(*layers, nn.Linear(width, 2 * action_spec.flat_dim))

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Set the normaliser to mean and standard deviation of (N, O)."""
        self.normaliser.fit(observations)

    def encode(self, observations: States) -> torch.Tensor:
        """Return means, then raw log-stds (B, 2 · D)."""
        return self.network(self.normaliser(observations))

    def mean_and_std(self, context: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and std of the normal distribution before tanh, each (B, 1, D)."""
        mean, raw = context.unsqueeze(1).chunk(2, -1)
        low, high = self.config.log_std
        return mean, (low + (high - low) * 0.5 * (1.0 + raw.tanh())).exp()

    @torch.no_grad()
    def sample(
        self, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Draw actions (B, k, D) in [-1, 1]."""
        return self.rsample(context, count, generator)[0]

    def rsample(
        self, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw reparametrised samples, through which gradients flow to mean and std.

        A binary entry passes the gradient on as if it were tanh(u) (straight-through).

        Returns:
            Actions (B, k, D), and their log-probabilities (B, k), exact also close to ±1.
        """
        mean, std = self.mean_and_std(context)
        shape = (len(context), count, self.action_spec.flat_dim)
        raw = mean + std * torch.randn(shape, generator=generator)
        squashed = raw.tanh()
        actions = self.action_spec.snap(squashed).detach() + (squashed - squashed.detach())
        return actions, self._log_prob(context, raw)

    def log_prob(self, context: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities (B, n) of actions (B, n, D), clipped to ±`MAX_ABS_ACTION`."""
        return self._log_prob(context, actions.clamp(-MAX_ABS_ACTION, MAX_ABS_ACTION).atanh())

    def loss(
        self,
        context: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the negative log-likelihood; the generator is not used.

        Returns:
            (B,).
        """
        return weigh_targets(-self.log_prob(context, targets), weights)

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """Return all weights."""
        return self.parameters()

    def after_update(self) -> None:
        """Do nothing: there is no moving average."""

    def _log_prob(self, context: torch.Tensor, raw: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities (B, n) of the actions that come from `raw` (B, n, D)."""
        mean, std = self.mean_and_std(context)
        normal = -0.5 * ((raw - mean) / std).square() - std.log() - 0.5 * math.log(2.0 * math.pi)
        # This is log(1 - tanh(u)²) without the cancellation near ±1.
        log_slope = 2.0 * (math.log(2.0) - raw - softplus(-2.0 * raw))
        sign = torch.where(raw > 0, 1.0, -1.0)
        log_mass = torch.special.log_ndtr(sign * mean / std)
        binary = self.action_spec.is_binary()
        return torch.where(binary, log_mass, normal - log_slope).sum(-1)
