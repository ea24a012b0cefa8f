# SPDX-License-Identifier: Apache-2.0
"""Bellman targets, CQL's and Cal-QL's conservative term, IQL's expectile, as pure functions."""

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
    log_count = torch.cat([log_weights, torch.zeros(1)]).logsumexp(0)
    everything = torch.cat([sampled_values + log_weights, data_values.unsqueeze(-1)], dim=-1)
    return everything.logsumexp(-1) - log_count - data_values


def expectile_loss(errors: torch.Tensor, expectile: float) -> torch.Tensor:
    """IQL's asymmetric square |τ - 1(u < 0)| · u² (arXiv 2110.06169, Eq. 5).

    Its minimiser over a value v, with u = q - v, is the τ-expectile of q: the mean for 0.5, and
    towards the best action in the data as τ comes near 1.

    Args:
        errors: u of any shape, value of an action less value of its state.
        expectile: τ in (0, 1).

    Returns:
        The shape of `errors`.
    """
    weights = torch.where(errors < 0.0, 1.0 - expectile, expectile)
    return weights * errors.square()
