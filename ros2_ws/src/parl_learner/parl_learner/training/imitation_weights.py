# SPDX-License-Identifier: Apache-2.0
"""How much a policy imitates each action of the data, by how well it did."""

import torch


def advantage_weights(advantages: torch.Tensor, scale: float, largest: float) -> torch.Tensor:
    """Weights exp(β A) of advantage-weighted regression, cut off (IQL, 2110.06169, Eq. 7).

    Args:
        advantages: A of any shape, Q(s, a) - V(s).
        scale: β, per unit of value.
        largest: Cut-off; 100 in IQL's release.
    """
    return (scale * advantages).exp().clamp(max=largest)


def self_imitation_weights(returns: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Weights (R - V)+ of self-imitation learning (1806.05635, Eq. 2).

    Only what came out better than expected is imitated.

    Args:
        returns: R of any shape, Monte-Carlo returns.
        values: V of the same shape.
    """
    return (returns - values).clamp(min=0.0)
