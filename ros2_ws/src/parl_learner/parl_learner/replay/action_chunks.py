# SPDX-License-Identifier: Apache-2.0
"""Transitions of action chunks from an episode's control steps (Q-chunking, arXiv 2507.07969)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Chunks:
    """A transition from each of the N control steps; the chunks overlap.

    Attributes:
        actions: (N, T · A) executed from there on; after the episode's end the last is repeated.
        steps: (N,) control steps of the chunk: T, or fewer at the episode's end.
        rewards: (N,) discounted sum Σ γⁱ rᵢ over these steps.
        discounts: (N,) discount of the next value: γ^steps, 0 after a success.
    """

    actions: np.ndarray
    steps: np.ndarray
    rewards: np.ndarray
    discounts: np.ndarray

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the means (N,) float32 of numbers (N,) of the control steps over each chunk."""
        sums = np.append(0.0, np.cumsum(values, dtype=float))
        ends = np.arange(len(values)) + self.steps
        return ((sums[ends] - sums[:-1]) / self.steps).astype(np.float32)


def action_chunks(
    actions: np.ndarray,
    rewards: np.ndarray,
    terminated: np.ndarray,
    discount: float,
    horizon: int,
) -> Chunks:
    """Join each T = `horizon` control steps into a chunk.

    The returns of the episode stay the same: G(t) = rewards(t) + γ^steps · G(t + steps).

    Args:
        actions: (N, A) of the control steps.
        rewards: (N,) of the control steps.
        terminated: (N,) bool; the last is True after a success.
        discount: γ of one control step.
        horizon: T; 1 changes nothing.
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
