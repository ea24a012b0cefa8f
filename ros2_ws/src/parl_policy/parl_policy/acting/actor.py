# SPDX-License-Identifier: Apache-2.0
"""Acts with the optimised policy π_opt: sample, rank, climb, choose."""

from dataclasses import dataclass, field
import functools
from typing import Literal

import numpy as np
import torch

from parl_policy.acting.action_optimisation import (
    ActionOptimisationConfig,
    optimise_actions,
    Particles,
)
from parl_policy.compute.device import default_generator
from parl_policy.compute.rows_graph import Function, RowsGraph
from parl_policy.critics.critic import CriticEnsemble
from parl_policy.critics.mean_q import FrozenCritic
from parl_policy.observations import Observation, ObservationNeeds
from parl_policy.policy import Context, EntryKinds, ExploringPolicy, ObservationError, Policy


@dataclass(frozen=True)
class Decision:
    """One choice of the actor.

    Attributes:
        action: (D,) in [-1, 1].
        candidates: (m, D) particles from which it was chosen.
        values: (m,) Q of the candidates; NaN without a critic.
        mean_q: Q of the chosen action; NaN without a critic.
    """

    action: np.ndarray
    candidates: np.ndarray
    values: np.ndarray
    mean_q: float


@dataclass(frozen=True)
class Actor:
    """Acts with a policy alone, or with the policy optimised by a critic.

    Attributes:
        policy: Proposes actions.
        critic: Ranks and improves the actions; with None the policy's first sample is taken.
        optimisation: Settings of Algorithm 1.
        choice: Whether to take the best particle, or to sample one from softmax(Q) (Eq. 4.3).
        explores: Whether an `ExploringPolicy` without a critic adds its noise for practice.
        policy_needs: What the policy needs besides numbers.
        critic_needs: What the critic needs besides numbers.
    """

    policy: Policy
    critic: CriticEnsemble | None
    optimisation: ActionOptimisationConfig
    choice: Literal['argmax', 'softmax'] = 'argmax'
    explores: bool = True
    policy_needs: ObservationNeeds = field(default_factory=ObservationNeeds)
    critic_needs: ObservationNeeds = field(default_factory=ObservationNeeds)

    @functools.cached_property
    def frozen_critic(self) -> FrozenCritic:
        """The critic prepared for climbing; its weights must not change afterwards."""
        assert self.critic is not None
        return FrozenCritic(self.critic, self.optimisation.precision)

    @functools.cached_property
    def _kinds(self) -> EntryKinds:
        return self.policy.action_spec.kinds()

    def act_without_critic(self, context: Context, generator: torch.Generator) -> torch.Tensor:
        """Return actions (B, D) of the policy without the critic."""
        if not self.explores and isinstance(self.policy, ExploringPolicy):
            return self.policy.exploit(context, generator)
        return self.policy.sample(context, 1, generator)[:, 0]

    def prepare(self) -> None:
        """Prepare the action optimisation before an episode; it takes a second on a GPU."""
        if self.critic is not None:
            shape = (1, self.optimisation.samples, self.policy.action_spec.flat_dim)
            inputs = torch.zeros(1, self.critic.normaliser.features), torch.zeros(shape)
            self._optimised(default_generator(), *inputs)

    @functools.cached_property
    def _optimised(self) -> Function:
        """The action optimisation of one encoded state (1, S) and its samples (1, k, D)."""
        on_gpu = self._kinds.movable.device.type == 'cuda'
        return RowsGraph(self._optimise, rows=1) if on_gpu else self._optimise

    def _optimise(
        self, generator: torch.Generator, states: torch.Tensor, samples: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        particles = optimise_actions(
            self.frozen_critic.mean_q_at(states),
            samples,
            self.optimisation,
            self._kinds,
            generator,
        )
        return particles.actions, particles.values

    def act(self, observation: Observation | np.ndarray, generator: torch.Generator) -> Decision:
        """Choose an action for one observation; an array holds numbers (O,) alone.

        The same state of the generator gives the same action.

        Raises:
            ObservationError: The numbers are not finite.
        """
        if isinstance(observation, np.ndarray):
            observation = Observation(observation)
        numbers = observation.numbers
        if not np.isfinite(numbers).all():
            raise ObservationError(f'observation is not finite: {numbers}; check the sensors')
        with torch.no_grad():
            context = self.policy.encode(observation.for_needs(self.policy_needs))
        if self.critic is None:
            candidates = self.act_without_critic(context, generator).unsqueeze(1)
            chosen, values = candidates[0, 0], torch.full((1,), torch.nan)
            mean_q = float('nan')
        else:
            samples = self.policy.sample(context, self.optimisation.samples, generator)
            with torch.no_grad():
                states = self.critic.encode(observation.for_needs(self.critic_needs))
            particles = Particles(*self._optimised(generator, states, samples))
            candidates, values = particles.actions, particles.values[0]
            if self.choice == 'argmax':
                index = int(values.argmax())
            else:
                index = int(particles.draw(1, generator))
            chosen, mean_q = candidates[0, index], float(values[index])
        return Decision(
            action=chosen.cpu().numpy(),
            candidates=candidates[0].cpu().numpy(),
            values=values.cpu().numpy(),
            mean_q=mean_q,
        )
