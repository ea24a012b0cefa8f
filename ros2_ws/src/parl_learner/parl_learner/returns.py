# SPDX-License-Identifier: Apache-2.0
"""Monte-Carlo returns, Cal-QL's lower bound on the value of the data (arXiv 2303.05479)."""

import numpy as np


def monte_carlo_returns(rewards: np.ndarray, terminated: bool, discount: float) -> np.ndarray:
    """Discounted return from every step of one episode.

    A success ends the sum. An episode that ended without success is taken to go on failing at its
    last reward for ever, r / (1 - discount): a time-out says when the recording ended, not that
    the task did. (The authors' release does so on the robot and for failed AntMaze episodes.)

    Args:
        rewards: (N,) rewards of the transitions.
        terminated: Whether the last transition ended in success.
        discount: In [0, 1).

    Returns:
        (N,) float32.
    """
    if not 0.0 <= discount < 1.0:
        raise ValueError(f'discount must lie in [0, 1): {discount}')
    following = 0.0 if terminated else float(rewards[-1]) / (1.0 - discount)
    returns = np.empty(len(rewards), dtype=np.float32)
    for i in reversed(range(len(rewards))):
        following = float(rewards[i]) + discount * following
        returns[i] = following
    return returns
