# SPDX-License-Identifier: Apache-2.0
"""Plays an actor's action chunks, one control step after the other."""

import dataclasses

import numpy as np
import torch

from parl_policy.acting.actor import Actor, Decision
from parl_policy.observations import Observation


class OpenLoopActor:
    """Acts in one episode: decides, plays the T control steps of the chunk, decides again."""

    def __init__(self, actor: Actor, seed: int) -> None:
        """Begin an episode; `seed` determines all its random draws."""
        self._actor = actor
        self._generator = torch.Generator(torch.get_default_device()).manual_seed(seed)
        self._decision: Decision | None = None
        self._offset = 0
        self._last_step = 0

    def act(self, step: int, observation: Observation | np.ndarray) -> Decision:
        """Return the decision for a control step of the episode.

        After steps in which another actor acted, the rest of a chunk is out of date and dropped.

        Args:
            step: Number of the step in the episode.
            observation: Is used only where a chunk begins.

        Returns:
            The part of the decision for that control step, with actions of A numbers.

        Raises:
            ObservationError: The observation is not finite.
        """
        spec = self._actor.policy.action_spec
        self._offset += step - self._last_step
        has_gap = step != self._last_step + 1
        if self._decision is None or has_gap or self._offset >= spec.horizon:
            self._decision, self._offset = self._actor.act(observation, self._generator), 0
        self._last_step = step
        part = slice(self._offset * spec.dim, (self._offset + 1) * spec.dim)
        return dataclasses.replace(
            self._decision,
            action=self._decision.action[part],
            candidates=self._decision.candidates[:, part],
        )
