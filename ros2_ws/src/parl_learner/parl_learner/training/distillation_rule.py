# SPDX-License-Identifier: Apache-2.0
"""Which particle the policy is taught (PA-RL, Appendix B.1): the best, or one drawn from π_opt."""

from typing import Literal

import torch

DistillationTarget = Literal['softmax', 'argmax', 'by_spread']


def value_spread(values: torch.Tensor) -> float:
    """Standard deviation of Q among a state's particles, mean over states.

    Args:
        values: (B, m) critic values.
    """
    return float(values.std(1, correction=0).mean())


def chosen_target(
    target: DistillationTarget, spread: float, smallest_spread: float
) -> Literal['softmax', 'argmax']:
    """The rule of Appendix B.1 where `target` is 'by_spread', else `target` itself.

    Where values hardly differ, softmax(Q) at temperature 1 is nearly uniform and would teach the
    policy what it does already; there the best particle is taught.

    Args:
        target: What the configuration asks for.
        spread: Measured, as from `value_spread`.
        smallest_spread: From here on values differ enough for softmax.
    """
    if target != 'by_spread':
        return target
    return 'argmax' if spread < smallest_spread else 'softmax'
