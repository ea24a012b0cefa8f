# SPDX-License-Identifier: Apache-2.0
"""Critic ensemble: Q(s, a) by several multilayer perceptrons with LayerNorm and swish."""

from collections.abc import Sequence
from dataclasses import dataclass
import functools
from typing import cast, Literal

import torch
from torch import nn

from parl_policy.critics.value_head import HLGaussHead, ScalarHead, ValueHead
from parl_policy.networks.ln_resnet import LAYER_NORM_EPSILON
from parl_policy.networks.observation_encoder import observation_encoder, SightedConfig
from parl_policy.observations import States


@dataclass(frozen=True, kw_only=True)
class CriticConfig(SightedConfig):
    """Settings of a critic; the defaults are the paper's for state observations."""

    members: int = 10
    """Networks in the ensemble."""
    hidden: tuple[int, ...] = (512, 512, 512)
    """Width of each layer."""
    action_at_every_layer: bool = True
    """Whether the action is an input of every layer, not only of the first."""
    head: Literal['hl_gauss', 'mse'] = 'hl_gauss'
    """How the output represents a value."""
    support: tuple[float, float] = (-100.0, 0.0)
    """Range of values of the HL-Gauss head; the dataset check refuses returns outside it."""
    bins: int = 128
    """Number of bins of the HL-Gauss head."""
    sigma_bins: float = 0.75
    """Smoothing of the HL-Gauss head in bin widths; the release computes 1.06 (0.75·√2)."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.members < 1 or not self.hidden:
            raise ValueError(f'a critic needs a member and a layer at least: {self}')
        if min(self.hidden) < 1:
            raise ValueError(f'hidden must be widths of at least 1: {list(self.hidden)}')
        if self.head not in ('hl_gauss', 'mse'):
            raise ValueError(f"critic head is {self.head!r}, expected 'hl_gauss' or 'mse'")
        self.value_head()  # checks support, bins and smoothing

    def value_head(self) -> ValueHead:
        """Make the value head of these settings."""
        if self.head == 'mse':
            return ScalarHead()
        return HLGaussHead(*self.support, self.bins, self.sigma_bins)


class CriticMember(nn.Module):
    """One network: Dense, LayerNorm, swish, repeated; the first layer is split by input."""

    def __init__(
        self, state_dim: int, action_dim: int, config: CriticConfig, outputs: int
    ) -> None:
        """Make the layers with orthogonal weights: gain √2, last hidden layer and head 0.01."""
        super().__init__()
        widths = (state_dim, *config.hidden)
        last = len(config.hidden) - 1
        self.layers = nn.ModuleList()
        self.action_layers = nn.ModuleList()
        self.norms = nn.ModuleList()
        for i in range(len(config.hidden)):
            takes_action = i == 0 or config.action_at_every_layer
            joint = nn.Linear(widths[i] + action_dim * takes_action, widths[i + 1])
            nn.init.orthogonal_(joint.weight, 1e-2 if i == last and last > 0 else 2.0**0.5)
            layer = nn.Linear(widths[i], widths[i + 1])
            layer.weight.data = joint.weight.data[:, : widths[i]].clone()
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)
            self.norms.append(nn.LayerNorm(widths[i + 1], eps=LAYER_NORM_EPSILON))
            if takes_action:
                action_layer = nn.Linear(action_dim, widths[i + 1], bias=False)
                action_layer.weight.data = joint.weight.data[:, widths[i] :].clone()
                self.action_layers.append(action_layer)
        self.head = nn.Linear(widths[-1], outputs)
        nn.init.orthogonal_(self.head.weight, 1e-2)
        nn.init.zeros_(self.head.bias)

    def forward(self, states: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return raw outputs: (B, S), (B, n, D) -> (B, n, outputs).

        The part of the first layer that depends on the state is computed once per state.
        """
        x = self.layers[0](states).unsqueeze(1) + self.action_layers[0](actions)
        x = nn.functional.silu(self.norms[0](x.flatten(0, 1)))
        rows = actions.flatten(0, 1)
        for i in range(1, len(self.layers)):
            x = self.layers[i](x)
            if i < len(self.action_layers):
                x = torch.addmm(x, rows, cast(nn.Linear, self.action_layers[i]).weight.t())
            x = nn.functional.silu(self.norms[i](x))
        return self.head(x).unflatten(0, actions.shape[:2])


class CriticEnsemble(nn.Module):
    """E members that share the encoder of observations and the value head.

    On a CPU the members run in a loop, since one batched product for all is slower than E
    products. On a GPU they run together, since launches cost more than the products.
    """

    def __init__(self, observation_dim: int, action_dim: int, config: CriticConfig) -> None:
        """Make an untrained ensemble."""
        super().__init__()
        self.config = config
        self.value_head = config.value_head()
        self.normaliser = observation_encoder(observation_dim, config.vision)
        self.members = nn.ModuleList(
            CriticMember(self.normaliser.features, action_dim, config, self.value_head.outputs)
            for _ in range(config.members)
        )

    def fit_normalisation(self, numbers: torch.Tensor) -> None:
        """Set the normaliser to mean and standard deviation of (N, O)."""
        self.normaliser.fit(numbers)

    def raw(
        self,
        observations: States,
        actions: torch.Tensor,
        members: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Return the outputs before the value head.

        Args:
            observations: B states.
            actions: (B, n, D) in [-1, 1].
            members: Indices of the members, repeats allowed; all by default.

        Returns:
            (E, B, n, outputs), E the number of members used.
        """
        return self.raw_at(self.encode(observations), actions, members)

    def encode(self, observations: States) -> torch.Tensor:
        """Return states (B, S) for all members: normalised numbers, and features of pictures."""
        return self.normaliser(observations)

    def raw_at(
        self,
        states: torch.Tensor,
        actions: torch.Tensor,
        members: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Return the same as `raw`, for states (B, S) from `encode`."""
        chosen = range(len(self.members)) if members is None else members
        if states.device.type != 'cpu':
            return self._raw_together(states, actions, chosen)
        outputs = {i: self.members[i](states, actions) for i in set(chosen)}
        return torch.stack([outputs[i] for i in chosen])

    def _raw_together(
        self, states: torch.Tensor, actions: torch.Tensor, members: Sequence[int]
    ) -> torch.Tensor:
        """Return the same as `raw_at`, with one launch for all members instead of a loop."""
        parameters = [dict(self.members[i].named_parameters()) for i in members]
        stacked = {
            name: torch.stack([each[name] for each in parameters]) for name in parameters[0]
        }
        member = functools.partial(torch.func.functional_call, self.members[0])
        outputs: torch.Tensor = torch.vmap(member, in_dims=(0, None))(stacked, (states, actions))
        return outputs

    def forward(
        self,
        observations: States,
        actions: torch.Tensor,
        members: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Return the members' values of actions (B, n, D) in B states: (E, B, n)."""
        return self.value_head.value(self.raw(observations, actions, members))
