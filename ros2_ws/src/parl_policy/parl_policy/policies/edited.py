# SPDX-License-Identifier: Apache-2.0
"""EXPO's pair of policies (arXiv 2507.07986): any base policy, and a small Gaussian that edits it.

The base policy imitates; the edit policy, a learned local optimiser, is trained to raise Q.
Ranking samples of both by Q gives EXPO's on-the-fly policy.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
import math
from typing import Any

import torch
from torch import nn

from parl_policy.networks.ln_resnet import LAYER_NORM_EPSILON
from parl_policy.networks.observation_encoder import observation_encoder, SightedConfig
from parl_policy.observations import needs_of, ObservationNeeds, States
from parl_policy.policy import Context, Policy

LOG_STD = (-5.0, 2.0)
"""Bounds of the edit's log standard deviation before tanh."""


@dataclass(frozen=True, kw_only=True)
class EditedPolicyConfig(SightedConfig):
    """Settings of the base policy and of the edits."""

    base_class: str = 'diffusion'
    """Key of `POLICY_CLASSES` of the base policy."""
    base: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the config of that class."""
    edit_scale: float = 0.1
    """Largest edit of an entry (β), in normalised action units."""
    hidden: tuple[int, ...] = (256, 256)
    """Width of each layer of the edit network."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0.0 < self.edit_scale <= 2.0 or not self.hidden:
            raise ValueError(f'edit_scale must lie in (0, 2] and hidden not be empty: {self}')


class EditedPolicy:
    """Implements `parl_policy.policy.ReparameterisedPolicy` around any policy."""

    def __init__(
        self,
        base: Policy,
        observation_dim: int,
        config: EditedPolicyConfig,
        base_needs: ObservationNeeds,
    ) -> None:
        """Make an untrained edit policy around `base`, which needs `base_needs`."""
        self.base = base
        self._base_needs, self._needs = base_needs, needs_of(config)
        self.config = config
        self.action_spec = base.action_spec
        self._movable = base.action_spec.kinds().movable
        dim = base.action_spec.flat_dim
        self.normaliser = observation_encoder(observation_dim, config.vision)
        self.network = _perceptron(self.normaliser.features + dim, config.hidden, 2 * dim)

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Set both normalisers to mean and standard deviation of (N, O)."""
        self.base.fit_normalisation(observations)
        self.normaliser.fit(observations)

    def encode(self, observations: States) -> tuple[torch.Tensor, Context]:
        """Return states (B, S), normalised or encoded, and the base policy's context.

        Each part is given what it needs of the observations.
        """
        own = self.normaliser(self._needs.part_of(observations))
        return own, self.base.encode(self._base_needs.part_of(observations))

    @torch.no_grad()
    def sample(
        self, context: tuple[torch.Tensor, Context], count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Draw half of the samples (or one more) from the base policy; the rest are edits of them.

        Returns:
            (B, k, D) in [-1, 1].
        """
        drawn = self.base.sample(context[1], math.ceil(count / 2), generator)
        edited, _ = self._edit(context[0], drawn[:, : count // 2], generator)
        return torch.cat([drawn, edited], dim=1)

    def rsample(
        self, context: tuple[torch.Tensor, Context], count: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw edited samples (B, k, D) with gradients, and their log-probabilities (B, k)."""
        drawn = self.base.sample(context[1], count, generator).detach()
        return self._edit(context[0], drawn, generator)

    def loss(
        self,
        context: tuple[torch.Tensor, Context],
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the base policy's loss (B,); edits are learned from Q alone."""
        return self.base.loss(context[1], targets, weights, generator)

    def examine(self, context: tuple[torch.Tensor, Context]) -> Iterator[Any]:
        """Let the base examine itself for `parl-doctor`, if it can; edits have no checks."""
        yield from getattr(self.base, 'examine', lambda _: ())(context[1])

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """Return the parameters of base and edit policy."""
        edit = (*self.network.parameters(), *self.normaliser.parameters())
        return [*self.base.trainable_parameters(), *edit]

    def after_update(self) -> None:
        """Update the base policy's moving averages."""
        self.base.after_update()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the state of all parts, with keys 'base.…', 'edit.…' and 'normaliser.…'."""
        return {
            f'{name}.{key}': value
            for name, module in self._parts().items()
            for key, value in module.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load what `state_dict` returned."""
        for name, module in self._parts().items():
            prefix = f'{name}.'
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )

    def _parts(self) -> dict[str, Any]:
        return {'base': self.base, 'edit': self.network, 'normaliser': self.normaliser}

    def _edit(
        self, features: torch.Tensor, actions: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Move actions (B, k, D) by β·tanh of a Gaussian; return its log-density (B, k) too."""
        states = features.unsqueeze(1).expand(-1, actions.shape[1], -1)
        mean, log_std = self.network(torch.cat([states, actions], dim=-1)).chunk(2, dim=-1)
        log_std = log_std.clamp(*LOG_STD)
        noise = torch.randn(mean.shape, generator=generator)
        unbounded = mean + log_std.exp() * noise
        gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2.0 * math.pi)
        # This is log(1 - tanh²(u)) without loss of precision at large |u|.
        squash = 2.0 * (math.log(2.0) - unbounded - nn.functional.softplus(-2.0 * unbounded))
        log_probs = ((gaussian - squash) * self._movable).sum(-1)
        edit = self.config.edit_scale * unbounded.tanh() * self._movable
        return (actions + edit).clamp(-1.0, 1.0), log_probs


def _perceptron(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    """Make layers of Linear, LayerNorm and swish; the head starts near zero, so edits do too."""
    layers: list[nn.Module] = []
    width = inputs
    for following in hidden:
        layers += [nn.Linear(width, following), nn.LayerNorm(following, eps=LAYER_NORM_EPSILON)]
        layers.append(nn.SiLU())
        width = following
    head = nn.Linear(width, outputs)
    nn.init.orthogonal_(head.weight, 1e-2)
    nn.init.zeros_(head.bias)
    return nn.Sequential(*layers, head)
