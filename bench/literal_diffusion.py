# SPDX-License-Identifier: Apache-2.0
"""DDPM sampling with no thrift: the whole network for every sample and step."""

import torch
from torch import nn

from parl_policy.policies.diffusion import DiffusionPolicy


@torch.no_grad()
def sample(
    policy: DiffusionPolicy, observations: torch.Tensor, count: int, generator: torch.Generator
) -> torch.Tensor:
    """`count` samples of the averaged network a state, (B, count, D); binary entries as they are.

    The first layer takes [observation, action, time] at once; draws come in the policy's order.
    """
    network = policy.average
    first = torch.cat(
        [network.observation_in.weight, network.action_in.weight, network.time_in.weight], dim=1
    )
    states = policy.normaliser(observations).repeat_interleave(count, dim=0)
    shape = (len(observations), count, policy.action_spec.flat_dim)
    actions = torch.randn(shape, generator=generator).flatten(0, 1)
    for step in reversed(range(policy.steps)):
        time = network.time(torch.full((len(states), 1), float(step)))
        x = nn.functional.linear(
            torch.cat([states, actions, time], dim=1), first, network.observation_in.bias
        )
        noise = network.out(nn.functional.silu(network.blocks(x)))
        beta, alpha_bar = policy.betas[step], policy.alpha_bars[step]
        actions = (actions - beta / (1.0 - alpha_bar).sqrt() * noise) / (1.0 - beta).sqrt()
        if step > 0:
            fresh = torch.randn(shape, generator=generator).flatten(0, 1)
            actions = actions + beta.sqrt() * fresh
        actions = actions.clamp(-1.0, 1.0)
    return actions.unflatten(0, shape[:2])
