# SPDX-License-Identifier: Apache-2.0
"""The choice of the particles that the policy is taught (PA-RL, Appendix B.1)."""

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
