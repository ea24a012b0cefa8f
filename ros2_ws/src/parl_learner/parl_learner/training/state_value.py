# SPDX-License-Identifier: Apache-2.0
"""State value V(s) of IQL: one perceptron with LayerNorm and swish, used in training alone."""

from collections.abc import Sequence

import torch
from torch import nn

from parl_policy.networks.ln_resnet import LAYER_NORM_EPSILON


class StateValue(nn.Module):
    """The critic's trunk without an action, and a plain number at its end."""

    def __init__(self, observation_dim: int, hidden: Sequence[int]) -> None:
        """Initialise orthogonally: gain √2 for hidden layers, 0.01 for the head."""
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
        """Normalised observations (B, O) -> values (B,)."""
        return self.network(observations).squeeze(-1)


def _linear(inputs: int, outputs: int, gain: float) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
