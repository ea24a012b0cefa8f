# SPDX-License-Identifier: Apache-2.0
"""Bellman targets, CQL's and Cal-QL's conservative term, IQL's expectile, as pure functions."""

import torch


def td_targets(
    rewards: torch.Tensor, discounts: torch.Tensor, next_values: torch.Tensor
) -> torch.Tensor:
    """Return the targets R + discount · min over target critics (PA-RL Eq. 3.3).

    Args:
        rewards: (B,).
        discounts: (B,), 0 after a success; time-outs bootstrap.
        next_values: (E, B) values of the target critics at the next action.

    Returns:
        (B,).
    """
    return rewards + discounts * next_values.min(0).values


def calibrated(values: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
    """Raise values that lie below the data's return to it (Cal-QL, arXiv 2303.05479, Eq. 5.1).

    Args:
        values: (E, B, n) values of policy actions.
        returns: (B,) Monte-Carlo returns.

    Returns:
        (E, B, n).
    """
    return torch.maximum(values, returns[None, :, None])


def conservative_gap(
    data_values: torch.Tensor, sampled_values: torch.Tensor, log_weights: torch.Tensor
) -> torch.Tensor:
    """Return CQL(H)'s regulariser: soft maximum of Q over actions minus the data's value.

    The soft maximum is log(mean exp Q) over the n sampled actions and the data action, so the gap
    is 0 where all values are equal. An action that stands for w equal ones has log weight log(w).

    Args:
        data_values: (E, B) values of the data's actions.
        sampled_values: (E, B, n) values of the sampled actions.
        log_weights: (n,) log weights of the sampled actions.

    Returns:
        (E, B).
    """
    log_count = torch.cat([log_weights, torch.zeros(1)]).logsumexp(0)
    everything = torch.cat([sampled_values + log_weights, data_values.unsqueeze(-1)], dim=-1)
    return everything.logsumexp(-1) - log_count - data_values


def expectile_loss(errors: torch.Tensor, expectile: float) -> torch.Tensor:
    """Return IQL's asymmetric square |τ - 1(u < 0)| · u² (arXiv 2110.06169, Eq. 5).

    With u = q - v, the value v that minimises it is the τ-expectile of q. For τ = 0.5 this is the
    mean; for τ near 1 it is close to the value of the best action in the data.

    Args:
        errors: u of any shape: the value of an action minus the value of its state.
        expectile: τ in (0, 1).

    Returns:
        The shape of `errors`.
    """
    weights = torch.where(errors < 0.0, 1.0 - expectile, expectile)
    return weights * errors.square()
