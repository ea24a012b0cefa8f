# SPDX-License-Identifier: Apache-2.0
"""Critic updates with the optimised backup, by Cal-QL, CQL, IQL or RLPD."""

from collections.abc import Mapping
import copy
from dataclasses import dataclass
import math

import torch

from parl_learner.replay.replay import Batch
from parl_learner.training.critic_loss import (
    calibrated,
    conservative_gap,
    expectile_loss,
    td_targets,
)
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_learner.training.state_tensors import (
    load_optimiser_tensors,
    optimiser_tensors,
    part,
    prefixed,
)
from parl_learner.training.state_value import StateValue
from parl_policy.acting.action_optimisation import Particles
from parl_policy.critics.critic import CriticEnsemble
from parl_policy.observations import States
from parl_policy.policy import ActionSpec


@dataclass(frozen=True)
class CriticMetrics:
    """What an update reports: means over one batch."""

    loss: float
    td_loss: float
    conservative_gap: float
    mean_q: float
    mean_return: float


class CriticTrainer:
    """Owns the critic, its target network, IQL's state value and the optimiser."""

    def __init__(
        self,
        critic: CriticEnsemble,
        config: CriticTrainerConfig,
        action_spec: ActionSpec | None = None,
    ) -> None:
        """Start with the target equal to the critic.

        Args:
            critic: The untrained critic.
            config: Algorithm and numbers.
            action_spec: Says which entries are binary in the regulariser's uniform actions.
        """
        self.critic = critic
        self.config = config
        self._action_spec = action_spec
        self.algorithm = config.algorithm
        self.target = copy.deepcopy(critic).requires_grad_(False)
        self.value: StateValue | None = None
        if 'iql' in (config.algorithm, config.practice_algorithm):
            self.value = StateValue(critic.normaliser.features, critic.config.hidden)
        self.optimiser = self._adam()

    @property
    def needs_actions(self) -> bool:
        """Whether an update needs next actions, of π_opt or of the policy."""
        return self.algorithm != 'iql'

    @property
    def is_conservative(self) -> bool:
        """Whether an update also needs actions of the current states (conservative term)."""
        return self.algorithm in ('cal_ql', 'cql') and self.config.cql_weight > 0

    def fit_normalisation(self, numbers: torch.Tensor) -> None:
        """Take mean and standard deviation from the numbers (N, O) of the observations."""
        for critic in (self.critic, self.target):
            critic.fit_normalisation(numbers)

    def begin_practice(self) -> None:
        """Reset Adam's moments, as the paper does, and change to the practice algorithm."""
        self.algorithm = self.config.practice_algorithm or self.config.algorithm
        self.optimiser = self._adam()

    def update(
        self,
        batch: Batch,
        current: Particles | None,
        following: Particles | None,
        generator: torch.Generator,
    ) -> CriticMetrics:
        """Take one gradient step.

        Args:
            batch: B transitions.
            current: Actions (B, m, D) of π_opt at the observations, or (B, k, D) of the policy
                with equal values; None unless `is_conservative`.
            following: The same at the next observations; None unless `needs_actions`.
            generator: Source of all randomness.
        """
        config = self.config
        drawn = self._draw_members(generator)
        targets = self._targets(batch, following, drawn[0], generator)
        states = self.critic.encode(batch.observations)
        data_raw = self.critic.raw_at(states, batch.actions.unsqueeze(1)).squeeze(2)
        head = self.critic.value_head
        td_loss = head.loss(data_raw, targets).mean()
        data_values = head.value(data_raw)
        loss, gap = td_loss, torch.zeros(())
        if self.is_conservative:
            assert current is not None
            assert following is not None
            gap = self._gap(
                batch, states, current, following, data_values[drawn[1]], drawn[1], generator
            )
            loss = td_loss + config.cql_weight * gap
        if self.algorithm == 'iql':
            advantages = self._advantages(states, batch.actions, generator)
            loss = td_loss + expectile_loss(advantages, config.expectile).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self._follow()
        values = (loss, td_loss, gap, data_values.mean(), batch.returns.mean())
        return CriticMetrics(*torch.stack(values).tolist())

    def state_values(self, observations: States) -> torch.Tensor:
        """Return IQL's values V (B,) of B observations that are not normalised."""
        assert self.value is not None
        values: torch.Tensor = self.value(self.critic.encode(observations))
        return values

    def advantages(self, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        """Return IQL's advantages Q(s, a) - V(s) (B,) of the data's actions.

        Q is the minimum of the drawn target critics; gradients flow only through V.
        """
        states = self.critic.encode(batch.observations)
        return self._advantages(states, batch.actions, generator)

    def _advantages(
        self, states: torch.Tensor, actions: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        assert self.value is not None
        members = self._draw_members(generator)[0]
        with torch.no_grad():
            q_values = self._target_values(states, actions.unsqueeze(1), members)
        values: torch.Tensor = self.value(states)
        return q_values.min(0).values - values

    def _target_values(
        self, states: torch.Tensor, actions: torch.Tensor, members: list[int]
    ) -> torch.Tensor:
        """Return the target members' values (E, B) of actions (B, 1, D) in encoded states.

        The target has no encoder of its own: pictures are encoded once, as in DrQ-v2
        (arXiv 2107.09645).
        """
        raw = self.target.raw_at(states, actions, members)
        return self.target.value_head.value(raw).squeeze(-1)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the tensors that a checkpoint keeps."""
        value = {} if self.value is None else self.value.state_dict()
        return (
            prefixed('critic', self.critic.state_dict())
            | prefixed('target', self.target.state_dict())
            | prefixed('value', value)
            | prefixed('adam', optimiser_tensors(self.optimiser))
        )

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self.critic.load_state_dict(part(state, 'critic'))
        self.target.load_state_dict(part(state, 'target'))
        if self.value is not None:
            self.value.load_state_dict(part(state, 'value'))
        load_optimiser_tensors(self.optimiser, part(state, 'adam'))

    def _adam(self) -> torch.optim.Adam:
        value = [] if self.value is None else list(self.value.parameters())
        parameters = [*self.critic.parameters(), *value]
        return torch.optim.Adam(parameters, lr=self.config.learning_rate, fused=True)

    def _draw_members(self, generator: torch.Generator) -> list[list[int]]:
        """Draw the members for the target's minimum, and those for the regulariser."""
        members, count = len(self.critic.members), self.config.subsample
        if self.algorithm == 'rlpd':
            return [torch.randperm(members, generator=generator)[:count].tolist(), []]
        drawn: list[list[int]] = torch.randint(members, (2, count), generator=generator).tolist()
        return drawn

    @torch.no_grad()
    def _targets(
        self,
        batch: Batch,
        following: Particles | None,
        members: list[int],
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the targets (B,) for Q of the data's actions."""
        if self.algorithm == 'iql':
            next_values = self.state_values(batch.next_observations).unsqueeze(0)
        else:
            assert following is not None
            next_action = self._choose(following, 1, generator)
            next_values = self._target_values(
                self.critic.encode(batch.next_observations), next_action, members
            )
        targets = td_targets(batch.rewards, batch.discounts, next_values)
        return targets.lerp(batch.returns, self.config.return_weight)

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
        """Return the conservative term (), a mean over the batch and the drawn members."""
        count = self.config.cql_actions
        shape = (len(batch.rewards), count, batch.actions.shape[1])
        uniform = torch.rand(shape, generator=generator) * 2.0 - 1.0
        if self._action_spec is not None:
            uniform = self._action_spec.snap(uniform)
        policy = torch.cat(
            [self._choose(current, count, generator), self._choose(following, count, generator)],
            dim=1,
        )
        # With argmax there is one best action; it weighs as much as `count` drawn ones.
        weight = math.log(2 * count / policy.shape[1])
        log_weights = torch.cat([torch.zeros(count), torch.full((policy.shape[1],), weight)])
        actions = torch.cat([uniform, policy], dim=1)
        sampled = self.critic.value_head.value(self.critic.raw_at(states, actions, members))
        if self.algorithm == 'cal_ql':
            bounded = calibrated(sampled[..., count:], batch.returns)
            sampled = torch.cat([sampled[..., :count], bounded], dim=-1)
        return conservative_gap(data_values, sampled, log_weights).mean()

    def _choose(
        self, particles: Particles, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Choose actions (B, count, D), or (B, 1, D) where all would be the same."""
        if self.config.backup == 'argmax':
            return particles.argmax().unsqueeze(1)
        return particles.sample(count, generator)

    @torch.no_grad()
    def _follow(self) -> None:
        target, online = tuple(self.target.parameters()), tuple(self.critic.parameters())
        torch._foreach_lerp_(target, online, self.config.target_rate)
