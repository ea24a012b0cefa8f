# SPDX-License-Identifier: Apache-2.0
"""A cache of the policy's samples and of π_opt's particles for every observation of the replay."""

import functools

import torch

from parl_learner.replay.observation_table import StateTable
from parl_policy.acting.action_optimisation import (
    ActionOptimisationConfig,
    climb,
    Particles,
    search,
)
from parl_policy.compute.rows_graph import Function, RowsGraph
from parl_policy.critics.critic import CriticEnsemble
from parl_policy.critics.mean_q import FrozenCritic
from parl_policy.policy import ActionSpec, Policy


class ActionCache:
    """Keeps samples while the policy stays the same, and particles while the critic does.

    The rows are those of the replay. So an observation that ends one transition and begins the
    next is sampled once. Particles may come from an older critic, because updates followed the
    last `optimise`; then their values are those of the older critic.
    """

    ROWS_AT_ONCE = 256
    """Rows of one unit of work: a big policy needs minutes for them."""
    GPU_ROWS_AT_ONCE = 512
    """Rows that a GPU optimises at once: the states and next states of the paper's batch."""

    def __init__(self, config: ActionOptimisationConfig, action_spec: ActionSpec) -> None:
        """Start empty."""
        self.config = config
        self._kinds = action_spec.kinds()
        action_dim = action_spec.flat_dim
        self._candidates = torch.empty(0, config.samples, action_dim)
        self._actions = torch.empty(0, config.particles + 1, action_dim)
        self._values = torch.empty(0, config.particles + 1)
        self._graphs: dict[tuple[CriticEnsemble, int], RowsGraph] = {}

    def sample_all(
        self, policy: Policy, observations: StateTable, generator: torch.Generator
    ) -> None:
        """Draw new candidates for all M observations, after the policy has changed."""
        self.forget_samples()
        while len(self._candidates) < len(observations):
            self.sample_next(policy, observations, generator)

    def reduce_samples(self, config: ActionOptimisationConfig) -> None:
        """Go on with settings that ask for fewer candidates, which may be as many; keep so many.

        They are taken evenly, because of an edited policy's samples the second half is edited.
        """
        kept = torch.arange(config.samples) * self.config.samples // config.samples
        self._candidates = self._candidates[:, kept]
        self._graphs = {}  # of the old shape
        self.config = config

    def forget_samples(self) -> None:
        """Drop the candidates of all rows, because the policy has changed."""
        self._candidates = self._candidates[:0]

    @torch.no_grad()
    def sample_next(
        self, policy: Policy, observations: StateTable, generator: torch.Generator
    ) -> None:
        """Draw the candidates of the next `ROWS_AT_ONCE` rows that have none yet."""
        context = policy.encode(observations[self.next_rows(len(observations))])
        self.add_samples(policy.sample(context, self.config.samples, generator))

    def next_rows(self, count: int) -> torch.Tensor:
        """Return the next `ROWS_AT_ONCE` rows (B,) of so many that have no candidates yet."""
        first = len(self._candidates)
        return torch.arange(first, min(first + self.ROWS_AT_ONCE, count))

    def add_samples(self, drawn: torch.Tensor) -> None:
        """Take the candidates (B, k, D) of the next rows."""
        self._candidates = torch.cat([self._candidates, drawn])

    @torch.no_grad()
    def sample(
        self,
        policy: Policy,
        observations: StateTable,
        rows: torch.Tensor,
        generator: torch.Generator,
    ) -> None:
        """Draw new candidates for some rows (B,); for a policy that changes with every update."""
        for part in rows.split(self.ROWS_AT_ONCE):
            context = policy.encode(observations[part])
            self._candidates[part] = policy.sample(context, self.config.samples, generator)

    def optimise_all(
        self,
        critic: CriticEnsemble,
        observations: StateTable,
        data_actions: torch.Tensor | None,
        generator: torch.Generator,
    ) -> None:
        """Make new particles for all rows; the arguments are those of `optimise`."""
        rows = len(observations)
        self.make_room(rows)
        self.optimise(critic, observations, data_actions, torch.arange(rows), generator)

    def make_room(self, rows: int) -> None:
        """Reserve space for the particles of so many rows; none of them is made yet."""
        self._actions = torch.zeros(rows, *self._actions.shape[1:])
        self._values = torch.zeros(rows, *self._values.shape[1:])

    def optimise(
        self,
        critic: CriticEnsemble,
        observations: StateTable,
        data_actions: torch.Tensor | None,
        rows: torch.Tensor,
        generator: torch.Generator,
    ) -> None:
        """Make new particles for some rows with this critic.

        The executed action climbs too, beside the m best candidates; only distillation uses it.

        Args:
            critic: The online critic.
            observations: M observations of the replay, as the critic sees them.
            data_actions: (M, D) executed actions of the replay. None skips them, where the
                particles are for backups only, and keeps what the cache has of them.
            rows: (B,) rows whose particles are made.
            generator: Source of the proposals that are not the policy's.
        """
        inputs = [self._candidates] if data_actions is None else [self._candidates, data_actions]
        optimised, at_once = self._optimiser(critic, len(inputs))
        for part in rows.split(at_once):
            with torch.no_grad():
                states = critic.encode(observations[part])
            actions, values = optimised(generator, states, *(each[part] for each in inputs))
            self._actions[part, : actions.shape[1]] = actions
            self._values[part, : values.shape[1]] = values

    def _optimiser(self, critic: CriticEnsemble, inputs: int) -> tuple[Function, int]:
        """Return the function that optimises with this critic, and its number of rows."""
        if self._kinds.movable.device.type == 'cuda':
            graph = RowsGraph(
                functools.partial(self._optimised_afresh, critic), self.GPU_ROWS_AT_ONCE
            )
            return self._graphs.setdefault((critic, inputs), graph), self.GPU_ROWS_AT_ONCE
        frozen = FrozenCritic(critic, self.config.precision)
        return functools.partial(self._optimised, frozen), self.ROWS_AT_ONCE

    def _optimised_afresh(
        self, critic: CriticEnsemble, generator: torch.Generator, *inputs: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Optimise with the current weights of the critic, also when a CUDA graph replays this."""
        frozen = FrozenCritic(critic, self.config.precision)
        return self._optimised(frozen, generator, *inputs)

    def _optimised(
        self,
        critic: FrozenCritic,
        generator: torch.Generator,
        states: torch.Tensor,
        candidates: torch.Tensor,
        data_actions: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        q_function = critic.mean_q_at(states)
        start = search(q_function, candidates, self.config, self._kinds, generator).actions
        if data_actions is not None:
            start = torch.cat([start, data_actions.unsqueeze(1)], dim=1)
        particles = climb(q_function, start, self.config, self._kinds.movable)
        return particles.actions, particles.values

    def particles(self, rows: torch.Tensor) -> Particles:
        """Return the m particles (B, m, D) of the rows (B,): π_opt acts and backs up with them."""
        return Particles(self._actions[rows, :-1], self._values[rows, :-1])

    def policy_actions(self, rows: torch.Tensor) -> Particles:
        """Return the k candidates (B, k, D) of the rows (B,), all with value 0."""
        candidates = self._candidates[rows]
        return Particles(candidates, torch.zeros(candidates.shape[:2]))

    def distillation_particles(self, rows: torch.Tensor) -> Particles:
        """Return `particles`, with the executed action in the place of the worst candidate."""
        kept = [*range(self.config.particles - 1), self.config.particles]
        return Particles(self._actions[rows][:, kept], self._values[rows][:, kept])

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the tensors that a checkpoint keeps."""
        return {
            'candidates': self._candidates,
            'actions': self._actions,
            'values': self._values,
        }

    def take_rows(self, rows: torch.Tensor) -> None:
        """Keep the rows (M,) of the present ones, in that order."""
        for name in ('_candidates', '_actions', '_values'):
            kept = getattr(self, name)
            setattr(self, name, kept[rows[rows < len(kept)]])

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned."""
        device = self._candidates.device
        self._candidates = state['candidates'].to(device)
        self._actions = state['actions'].to(device)
        self._values = state['values'].to(device)
