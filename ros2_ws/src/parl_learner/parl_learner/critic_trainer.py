# SPDX-License-Identifier: Apache-2.0
"""One critic update: TD error with the optimised backup plus Cal-QL's regulariser."""

import copy
from dataclasses import dataclass
import math
from typing import Literal

import torch

from parl_learner.critic_loss import calibrated, conservative_gap, td_targets
from parl_learner.replay import Batch
from parl_policy.action_optimisation import Particles
from parl_policy.critic import CriticEnsemble


@dataclass(frozen=True, kw_only=True)
class CriticTrainerConfig:
    """Defaults are the paper's for state observations."""

    learning_rate: float = 3e-4
    """Adam."""
    target_rate: float = 0.005
    """Target critics follow at this rate per update."""
    subsample: int = 2
    """Members drawn (with replacement) for the target's minimum and for the regulariser."""
    cql_weight: float = 0.005
    """α of the conservative term; 0.005 beside a cross-entropy, 0.01 beside MSE on the robot."""
    cql_actions: int = 10
    """Uniform, current-policy and next-policy actions each in the conservative term."""
    backup: Literal['softmax', 'argmax'] = 'softmax'
    """Action of π_opt in targets and regulariser: drawn (paper) or the best (release)."""

    return_weight: float = 0.0
    """Share of the Monte-Carlo return in the target, beside the bootstrap; 0 as in the paper.

    With few updates a bootstrap has not reached the start of an episode yet; the return has.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 0.0 <= self.return_weight <= 1.0:
            raise ValueError(f'return_weight must lie in [0, 1]: {self.return_weight}')
        if self.backup not in ('softmax', 'argmax'):
            raise ValueError(f"backup is {self.backup!r}, expected 'softmax' or 'argmax'")
        if self.subsample < 1 or self.cql_actions < 1 or self.cql_weight < 0:
            raise ValueError(f'subsample and cql_actions must be >= 1, cql_weight >= 0: {self}')


@dataclass(frozen=True)
class CriticMetrics:
    """Means over one batch."""

    loss: float
    td_loss: float
    conservative_gap: float
    mean_q: float
    mean_return: float


class CriticTrainer:
    """Owns the critic, its slowly following target and the optimiser."""

    def __init__(self, critic: CriticEnsemble, config: CriticTrainerConfig) -> None:
        """Start with the target equal to the critic."""
        self.critic = critic
        self.config = config
        self.target = copy.deepcopy(critic).requires_grad_(False)
        self.restart_optimiser()

    def restart_optimiser(self) -> None:
        """Forget Adam's moments, as the paper does between offline and online training."""
        self.optimiser = torch.optim.Adam(
            self.critic.parameters(), lr=self.config.learning_rate, fused=True
        )

    def update(
        self,
        batch: Batch,
        current: Particles,
        following: Particles,
        generator: torch.Generator,
    ) -> CriticMetrics:
        """Take one gradient step.

        Args:
            batch: B transitions.
            current: π_opt at the observations.
            following: π_opt at the next observations.
            generator: Source of all randomness.
        """
        config, members = self.config, len(self.critic.members)
        drawn = torch.randint(members, (2, config.subsample), generator=generator).tolist()
        with torch.no_grad():
            next_action = self._choose(following, 1, generator)
            next_values = self.target(batch.next_observations, next_action, drawn[0]).squeeze(-1)
            targets = td_targets(batch.rewards, batch.discounts, next_values)
            targets = targets.lerp(batch.returns, self.config.return_weight)
        states = self.critic.encode(batch.observations)
        data_raw = self.critic.raw_at(states, batch.actions.unsqueeze(1)).squeeze(2)
        head = self.critic.value_head
        td_loss = head.loss(data_raw, targets).mean(1).sum()
        data_values = head.value(data_raw)
        loss, gap = td_loss, torch.zeros(())
        if config.cql_weight > 0:
            gap = self._gap(
                batch, states, current, following, data_values[drawn[1]], drawn[1], generator
            )
            loss = td_loss + config.cql_weight * gap
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self._follow()
        return CriticMetrics(
            loss=loss.item(),
            td_loss=td_loss.item(),
            conservative_gap=gap.item(),
            mean_q=data_values.mean().item(),
            mean_return=batch.returns.mean().item(),
        )

    def _gap(
        self,
        batch: Batch,
        states: torch.Tensor,
        current: Particles,
        following: Particles,
        data_values: torch.Tensor,
        members: list[int],
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Conservative term, mean over the batch and summed over the drawn members."""
        count = self.config.cql_actions
        shape = (len(batch.rewards), count, batch.actions.shape[1])
        uniform = torch.rand(shape, generator=generator) * 2.0 - 1.0
        policy = torch.cat(
            [self._choose(current, count, generator), self._choose(following, count, generator)],
            dim=1,
        )
        # The best action drawn `count` times is one action that weighs as many.
        weight = math.log(2 * count / policy.shape[1])
        log_weights = torch.cat([torch.zeros(count), torch.full((policy.shape[1],), weight)])
        actions = torch.cat([uniform, policy], dim=1)
        sampled = self.critic.value_head.value(self.critic.raw_at(states, actions, members))
        bounded = calibrated(sampled[..., count:], batch.returns)
        sampled = torch.cat([sampled[..., :count], bounded], dim=-1)
        return conservative_gap(data_values, sampled, log_weights).mean(1).sum()

    def _choose(
        self, particles: Particles, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Actions of π_opt, (B, count, D), or (B, 1, D) when all would be the same."""
        if self.config.backup == 'argmax':
            return particles.argmax().unsqueeze(1)
        return particles.sample(count, generator)

    @torch.no_grad()
    def _follow(self) -> None:
        target, online = tuple(self.target.parameters()), tuple(self.critic.parameters())
        torch._foreach_lerp_(target, online, self.config.target_rate)
