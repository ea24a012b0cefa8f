# SPDX-License-Identifier: Apache-2.0
"""An episode's control steps as transitions of action chunks (Q-chunking, arXiv 2507.07969)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Chunks:
    """One transition from each of the N control steps; chunks overlap.

    Attributes:
        actions: (N, T · A) executed from there on; beyond the episode's end the last is repeated.
        steps: (N,) control steps the chunk lasted: T, or those that were left.
        rewards: (N,) Σ γⁱ r over these steps.
        discounts: (N,) of the value that follows: γ^steps, 0 after a success.
    """

    actions: np.ndarray
    steps: np.ndarray
    rewards: np.ndarray
    discounts: np.ndarray


def action_chunks(
    actions: np.ndarray,
    rewards: np.ndarray,
    terminated: np.ndarray,
    discount: float,
    horizon: int,
) -> Chunks:
    """Put T = `horizon` control steps together.

    The return of an episode is the same either way: G(t) = rewards(t) + γ^steps · G(t + steps).

    Args:
        actions: (N, A) of the control steps.
        rewards: (N,).
        terminated: (N,) bool, the last True after a success.
        discount: γ of one control step.
        horizon: T; with 1 everything stays as it is.
    """
    count = len(actions)
    ahead = np.arange(count)[:, None] + np.arange(horizon)  # (N, T)
    steps = np.minimum(horizon, count - np.arange(count))
    weights = np.where(ahead < count, discount ** np.arange(horizon), 0.0)
    ahead = ahead.clip(max=count - 1)
    ends = terminated[np.arange(count) + steps - 1]
    return Chunks(
        actions=actions[ahead].reshape(count, -1),
        steps=steps,
        rewards=(weights * rewards[ahead]).sum(1).astype(np.float32),
        discounts=np.where(ends, 0.0, discount**steps).astype(np.float32),
    )
