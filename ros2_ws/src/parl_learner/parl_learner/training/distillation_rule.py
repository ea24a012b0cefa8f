# SPDX-License-Identifier: Apache-2.0
"""The choice of the particles that the policy is taught (PA-RL, Appendix B.1)."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import torch

TaughtTarget: TypeAlias = Literal['softmax', 'argmax', 'particles']
"""One particle drawn from softmax(Q), the best one, or all with softmax(Q) as their weights."""
DistillationTarget: TypeAlias = Literal[TaughtTarget, 'by_spread']


def value_spread(values: torch.Tensor) -> float:
    """Return the standard deviation of Q among a state's particles, mean over states.

    Args:
        values: (B, m) critic values.
    """
    return float(values.std(1, correction=0).mean())


def changed_share(
    tokens: Callable[[torch.Tensor], torch.Tensor], candidates: torch.Tensor, found: torch.Tensor
) -> float:
    """Return the share of numbers whose token the optimisation has changed.

    A policy of tokens learns nothing new from a particle that kept those of its candidate.

    Args:
        tokens: Turns actions (…, D) into tokens (…, D).
        candidates: (B, k, D) samples of the policy.
        found: (B, m, D) particles; each is compared with the nearest candidate of its state.
    """
    # By products of matrices, the distance of two close actions would be nearly all rounding.
    distances = torch.cdist(found, candidates, compute_mode='donot_use_mm_for_euclid_dist')
    nearest = distances.argmin(2, keepdim=True).expand(-1, -1, found.shape[2])
    changed = tokens(found) != tokens(candidates.gather(1, nearest))
    return float(changed.float().mean())


def chosen_target(
    target: DistillationTarget, spread: float, smallest_spread: float
) -> TaughtTarget:
    """Return the target that 'by_spread' chooses (PA-RL, Appendix B.1), or `target` itself.

    Where values hardly differ, softmax(Q) at temperature 1 is nearly uniform and would teach the
    policy what it does already. There the best particle is taught.

    Args:
        target: What the configuration asks for.
        spread: Spread of the values, from `value_spread`.
        smallest_spread: Smallest spread for which softmax is used.
    """
    if target != 'by_spread':
        return target
    return 'argmax' if spread < smallest_spread else 'softmax'
