# SPDX-License-Identifier: Apache-2.0
"""π_opt for many states at once; `parl_policy.acting.actor.Actor` is for one state."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from parl_policy.acting.action_optimisation import optimise_actions
from parl_policy.acting.actor import Actor
from parl_policy.observations import Observation, ObservationNeeds, Observations, States
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

    def __call__(self, observations: Sequence[Observation]) -> np.ndarray:
        """Choose actions (B, D) for B observations.

        Raises:
            ObservationError: An observation is not finite; the message names row and entry.
        """
        bad = np.argwhere(~np.isfinite([each.numbers for each in observations]))
        if len(bad):
            row, entry = bad[0]
            raise ObservationError(
                f'the observation of environment {row} is {observations[row].numbers[entry]} in '
                f'entry {entry}: its simulation has diverged, or never measured that number'
            )
        actor = self.actor
        with torch.no_grad():
            context = actor.policy.encode(states_of(observations, actor.policy_needs))
        if actor.critic is None:
            return actor.act_without_critic(context, self.generator).cpu().numpy()
        particles = optimise_actions(
            actor.frozen_critic.mean_q(states_of(observations, actor.critic_needs)),
            actor.policy.sample(context, actor.optimisation.samples, self.generator),
            actor.optimisation,
            kinds=actor.policy.action_spec.kinds(),
            generator=self.generator,
        )
        if actor.choice == 'argmax':
            return particles.argmax().cpu().numpy()
        return particles.sample(1, self.generator)[:, 0].cpu().numpy()


def states_of(observations: Sequence[Observation], needs: ObservationNeeds) -> States:
    """Return B observations as a policy or critic with these needs sees them."""
    parts = [each.for_needs(needs) for each in observations]
    seen = [part for part in parts if isinstance(part, Observations)]
    if not seen:
        return torch.cat([part for part in parts if isinstance(part, torch.Tensor)])
    return Observations(
        torch.cat([part.numbers for part in seen]),
        {camera: torch.cat([part.pictures[camera] for part in seen]) for camera in needs.pictures},
        tuple(text for part in seen for text in part.instructions),
    )
