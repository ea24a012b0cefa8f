# SPDX-License-Identifier: Apache-2.0
"""π_opt for many states at once; `parl_policy.acting.actor.Actor` is for one state."""

from dataclasses import dataclass

import numpy as np
import torch

from parl_policy.acting.action_optimisation import optimise_actions
from parl_policy.acting.actor import Actor
from parl_policy.policy import ObservationError


@dataclass(frozen=True)
class VectorActor:
    """Acts in several environments with one actor.

    Attributes:
        actor: Policy, critic (None: the policy acts alone) and numbers of PA-RL's Algorithm 1.
        generator: Source of all draws.
    """

    actor: Actor
    generator: torch.Generator

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        """Choose actions (B, D) for observations (B, O).

        Raises:
            ObservationError: An observation is not finite; the message names row and entry.
        """
        bad = np.argwhere(~np.isfinite(observations))
        if len(bad):
            row, entry = bad[0]
            raise ObservationError(
                f'the observation of environment {row} is {observations[row, entry]} in entry '
                f'{entry}: its simulation has diverged, or never measured that number'
            )
        actor, states = self.actor, torch.as_tensor(observations, dtype=torch.float32)
        with torch.no_grad():
            context = actor.policy.encode(states)
        if actor.critic is None:
            return actor.act_without_critic(context, self.generator).cpu().numpy()
        particles = optimise_actions(
            actor.frozen_critic.mean_q(states),
            actor.policy.sample(context, actor.optimisation.samples, self.generator),
            actor.optimisation,
            movable=~actor.policy.action_spec.is_binary(),
            generator=self.generator,
        )
        if actor.choice == 'argmax':
            return particles.argmax().cpu().numpy()
        return particles.sample(1, self.generator)[:, 0].cpu().numpy()
