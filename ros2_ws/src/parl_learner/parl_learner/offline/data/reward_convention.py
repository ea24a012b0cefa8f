# SPDX-License-Identifier: Apache-2.0
"""How a task's own rewards become the learner's: success is worth 0, everything else less."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class RewardConvention:
    """The release's reading of sparse rewards: reward + bias, success alone terminates."""

    success_reward: float = 1.0
    """Reward of the environment that means success; 4 where it counts four solved sub-tasks."""
    bias: float = -1.0
    """Added to every reward; the negative of `success_reward`, so that success is worth 0."""

    def successes(self, rewards: np.ndarray) -> np.ndarray:
        """(N,) bool: which of the environment's rewards (N,) mean success."""
        return rewards >= self.success_reward - 1e-6

    def learned(self, rewards: np.ndarray) -> np.ndarray:
        """(N,) float32 rewards the learner sees."""
        return (rewards + self.bias).astype(np.float32)

    @property
    def graded(self) -> bool:
        """Whether an episode can succeed in part: the reward counts sub-tasks."""
        return self.success_reward > 1.0

    def score(self, rewards: np.ndarray) -> float:
        """Normalised score of an episode, 0…100: share of sub-tasks solved, or all or nothing."""
        if self.graded:
            return float(100.0 * np.clip(rewards.max() / self.success_reward, 0.0, 1.0))
        return 100.0 * bool(self.successes(rewards).any())
