# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy method: fits a Gaussian to the best actions and draws again (Rubinstein 1999)."""

from collections.abc import Callable

import torch

from parl_policy.policy import EntryKinds


@torch.no_grad()
def cem_population(
    q_function: Callable[[torch.Tensor], torch.Tensor],
    population: torch.Tensor,
    elites: int,
    iterations: int,
    binary: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Move a population of actions towards high Q.

    The elites of each iteration stay in the next population, so its best never gets worse.
    Binary entries are drawn like the others and snapped.

    Args:
        q_function: Returns the values of actions in fixed states, (B, n, D) -> (B, n).
        population: (B, k, D) first actions in [-1, 1].
        elites: Number of best actions that the Gaussian is fitted to (2…k).
        iterations: Number of fits.
        binary: (D,) bool, the entries that are only -1 or 1.
        generator: Source of all randomness.

    Returns:
        (B, k, D) the last population.
    """
    shape = (len(population), population.shape[1] - elites, population.shape[2])
    for _ in range(iterations):
        chosen = q_function(population).topk(elites, dim=1).indices
        best = population.gather(1, chosen.unsqueeze(-1).expand(-1, -1, shape[2]))
        mean, std = best.mean(1, keepdim=True), best.std(1, correction=0, keepdim=True)
        drawn = mean + std * torch.randn(shape, generator=generator)
        population = torch.cat([best, within_bounds(drawn, binary)], dim=1)
    return population


def uniform_population(
    like: torch.Tensor, kinds: EntryKinds, generator: torch.Generator
) -> torch.Tensor:
    """Draw actions uniformly, in the shape of `like` (B, k, D), whose still entries are kept."""
    drawn = within_bounds(torch.rand(like.shape, generator=generator) * 2.0 - 1.0, kinds.binary)
    return torch.where(kinds.binary | kinds.movable, drawn, like)


def within_bounds(actions: torch.Tensor, binary: torch.Tensor) -> torch.Tensor:
    """Clip actions (…, D) to [-1, 1] and move binary entries to the nearer of -1 and 1."""
    snapped = torch.where(actions > 0, 1.0, -1.0)
    return torch.where(binary, snapped, actions.clamp(-1.0, 1.0))
