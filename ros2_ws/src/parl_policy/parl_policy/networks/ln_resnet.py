# SPDX-License-Identifier: Apache-2.0
"""LN-ResNet, the noise-prediction network of IDQL (arXiv 2304.10573, appendix), used by PA-RL."""

import math

import torch
from torch import nn

LAYER_NORM_EPSILON = 1e-6
"""Default of the authors' framework; that of torch is 1e-5."""


class FourierFeatures(nn.Module):
    """Learnable Fourier features of the diffusion step: (…, 1) -> (…, dim)."""

    def __init__(self, dim: int, std: float = 0.2) -> None:
        """Draw dim/2 frequencies from N(0, std²)."""
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(1, dim // 2) * std)

    def forward(self, step: torch.Tensor) -> torch.Tensor:
        """Return cosines, then sines, of 2·pi·step·frequency: (…, 1) -> (…, dim)."""
        phase = 2.0 * math.pi * step @ self.frequencies
        return torch.cat([phase.cos(), phase.sin()], dim=-1)


class ResidualBlock(nn.Module):
    """x + Dense(swish(Dense(LayerNorm(dropout(x)), 4·hidden)), hidden)."""

    def __init__(self, hidden: int, dropout: float) -> None:
        """Make a block of the given width."""
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(hidden, eps=LAYER_NORM_EPSILON)
        self.expand = nn.Linear(hidden, 4 * hidden)
        self.contract = nn.Linear(4 * hidden, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block: (…, hidden) -> (…, hidden)."""
        hidden = nn.functional.silu(self.expand(self.norm(self.dropout(x))))
        return x + self.contract(hidden)


class LNResNet(nn.Module):
    """Predicts the noise in an action from observation, noisy action and diffusion step."""

    def __init__(
        self, observation_dim: int, action_dim: int, hidden: int, blocks: int, dropout: float
    ) -> None:
        """Make the network, with 128 time features as in the authors' release."""
        super().__init__()
        self.time = nn.Sequential(
            FourierFeatures(128), nn.Linear(128, 256), nn.SiLU(), nn.Linear(256, 128)
        )
        self.observation_in = nn.Linear(observation_dim, hidden)
        self.action_in = nn.Linear(action_dim, hidden, bias=False)
        self.time_in = nn.Linear(128, hidden, bias=False)
        self.blocks = nn.Sequential(*(ResidualBlock(hidden, dropout) for _ in range(blocks)))
        self.out = nn.Linear(hidden, action_dim)

    def encode(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the observation's part of the first layer: (B, O) -> (B, hidden)."""
        return self.observation_in(observations)

    def forward(
        self, context: torch.Tensor, noisy_actions: torch.Tensor, step: torch.Tensor
    ) -> torch.Tensor:
        """Predict the noise.

        Args:
            context: (B, 1, hidden) from `encode`.
            noisy_actions: (B, n, D).
            step: Diffusion step, broadcastable to (B, n, 1), as float.

        Returns:
            (B, n, D).
        """
        x = context + self.action_in(noisy_actions) + self.time_in(self.time(step))
        return self.out(nn.functional.silu(self.blocks(x)))
