# SPDX-License-Identifier: Apache-2.0
"""Bellman targets and the conservative terms of CQL and Cal-QL, as pure functions."""

import math

import torch


def td_targets(
    rewards: torch.Tensor, discounts: torch.Tensor, next_values: torch.Tensor
) -> torch.Tensor:
    """R + discount · min over target critics (PA-RL Eq. 3.3).

    Args:
        rewards: (B,).
        discounts: (B,) 0 after a success; time-outs bootstrap.
        next_values: (E, B) target critics at the next action.

    Returns:
        (B,).
    """
    return rewards + discounts * next_values.min(0).values


def calibrated(values: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
    """Cal-QL: never push a policy action's value below the data's return (2303.05479, Eq. 5.1).

    Args:
        values: (E, B, n) values of policy actions.
        returns: (B,) Monte-Carlo returns.
    """
    return torch.maximum(values, returns[None, :, None])


def conservative_gap(
    data_values: torch.Tensor, sampled_values: torch.Tensor, log_weights: torch.Tensor
) -> torch.Tensor:
    """CQL(H) regulariser: soft maximum over sampled and data actions, less the data's value.

    The n sampled actions and the data action are averaged, log(mean exp Q), so that the gap is
    0 where all values agree. An action that stands for w equal ones has log weight log(w).

    Args:
        data_values: (E, B).
        sampled_values: (E, B, n).
        log_weights: (n,).

    Returns:
        (E, B).
    """
    count = float(log_weights.exp().sum()) + 1.0
    everything = torch.cat([sampled_values + log_weights, data_values.unsqueeze(-1)], dim=-1)
    return everything.logsumexp(-1) - math.log(count) - data_values
