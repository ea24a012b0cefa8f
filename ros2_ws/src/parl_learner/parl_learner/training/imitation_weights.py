# SPDX-License-Identifier: Apache-2.0
"""Weights of the data's actions in imitation: better actions weigh more."""

import torch


def advantage_weights(advantages: torch.Tensor, scale: float, largest: float) -> torch.Tensor:
    """Return AWR's weights exp(β A), cut off at `largest` (IQL, arXiv 2110.06169, Eq. 7).

    Args:
        advantages: A of any shape, Q(s, a) - V(s).
        scale: β, per unit of value.
        largest: Cut-off; 100 in IQL's release.

    Returns:
        The shape of `advantages`.
    """
    return (scale * advantages).exp().clamp(max=largest)


def self_imitation_weights(returns: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return the weights max(R - V, 0) of self-imitation learning (arXiv 1806.05635, Eq. 2).

    Only actions whose return is higher than expected are imitated.

    Args:
        returns: R of any shape, Monte-Carlo returns.
        values: V of the same shape.

    Returns:
        The same shape.
    """
    return (returns - values).clamp(min=0.0)
