# SPDX-License-Identifier: Apache-2.0
"""The state value V(s) of IQL: an MLP with LayerNorm and swish, used only in training."""

from collections.abc import Sequence

import torch
from torch import nn

from parl_policy.networks.ln_resnet import LAYER_NORM_EPSILON


class StateValue(nn.Module):
    """The critic's trunk without an action, with one number as output."""

    def __init__(self, observation_dim: int, hidden: Sequence[int]) -> None:
        """Initialise orthogonally, with gain √2 for hidden layers and 0.01 for the head."""
        super().__init__()
        layers: list[nn.Module] = []
        width = observation_dim
        for following in hidden:
            layers += [
                _linear(width, following, 2.0**0.5),
                nn.LayerNorm(following, eps=LAYER_NORM_EPSILON),
                nn.SiLU(),
            ]
            width = following
        self.network = nn.Sequential(*layers, _linear(width, 1, 1e-2))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return values (B,) of normalised observations (B, O)."""
        return self.network(observations).squeeze(-1)


def _linear(inputs: int, outputs: int, gain: float) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
