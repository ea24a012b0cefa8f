# SPDX-License-Identifier: Apache-2.0
"""The conversion of a task's rewards to the learner's: 0 for success, less for all else."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class RewardConvention:
    """Sparse rewards as in the release: reward + bias; only success terminates."""

    success_reward: float = 1.0
    """The environment's reward for a success; 4 where it counts four solved sub-tasks."""
    bias: float = -1.0
    """Number added to every reward; with -`success_reward`, success is worth 0."""

    def successes(self, rewards: np.ndarray) -> np.ndarray:
        """Return (N,) bool: which of the environment's rewards (N,) mean success."""
        return rewards >= self.success_reward - 1e-6

    def learned(self, rewards: np.ndarray) -> np.ndarray:
        """Return the learner's rewards (N,) float32 for the environment's rewards (N,)."""
        return (rewards + self.bias).astype(np.float32)

    @property
    def graded(self) -> bool:
        """Whether an episode can succeed in part, because the reward counts sub-tasks."""
        return self.success_reward > 1.0

    def score(self, rewards: np.ndarray) -> float:
        """Return an episode's score: the share of sub-tasks [%] if `graded`, else 0 or 100."""
        if self.graded:
            return float(100.0 * np.clip(rewards.max() / self.success_reward, 0.0, 1.0))
        return 100.0 * bool(self.successes(rewards).any())
