# SPDX-License-Identifier: Apache-2.0
"""Action optimisation, the heart of PA-RL (arXiv 2412.06685, Sec. 4.2, Algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from parl_policy.acting.cem import cem_population, uniform_population
from parl_policy.compute.precision import Precision
from parl_policy.policy import EntryKinds

QFunction = Callable[[torch.Tensor], torch.Tensor]
"""Returns the values of actions in fixed states: (B, n, D) -> (B, n)."""


@dataclass(frozen=True, kw_only=True)
class ActionOptimisationConfig:
    """Settings of the action optimisation; the defaults are the paper's."""

    samples: int = 32
    """Actions sampled from the policy (k)."""
    proposals: Literal['policy', 'uniform'] = 'policy'
    """Where the k actions come from: the policy, or a uniform distribution instead."""
    cem_iterations: int = 0
    """Iterations of the cross-entropy method before the best m are kept; 0 = rank only."""
    particles: int = 10
    """Best actions that are kept (m)."""
    gradient_steps: int = 10
    """Ascent steps on each particle (T); 0 = global optimisation only."""
    step_size: float = 3e-4
    """Length of a step per unit of gradient, in normalised action units."""
    acceptance: Literal['best_of_trajectory', 'stop_at_first_failure'] = 'best_of_trajectory'
    """Take a particle's best iterate, or stop climbing when a step no longer improves Q.

    Algorithm 1 as printed breaks at the first improvement; the text and the release do not.
    """
    precision: Precision = 'float32'
    """Precision of the critic's hidden layers here; its training always uses float32.

    bfloat16 is for devices that have such products: elsewhere the learner refuses it, and an actor
    from a file uses float32.
    """

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 1 <= self.particles <= self.samples:
            raise ValueError(
                f'particles must lie in 1…samples: {self.particles} of {self.samples} samples'
            )
        if self.cem_iterations < 0 or (self.cem_iterations > 0 and self.particles < 2):
            raise ValueError(
                f'cem_iterations must be >= 0, and > 0 needs at least 2 particles to fit: '
                f'{self.cem_iterations} with {self.particles}'
            )
        if self.gradient_steps < 0 or self.step_size <= 0:
            raise ValueError(f'gradient_steps must be >= 0 and step_size > 0: {self}')


@dataclass(frozen=True)
class Particles:
    """The actions that π_opt chooses from, with their values.

    Attributes:
        actions: (B, m, D) in [-1, 1].
        values: (B, m) critic values of the actions.
    """

    actions: torch.Tensor
    values: torch.Tensor

    @property
    def weights(self) -> torch.Tensor:
        """Probabilities (B, m) of softmax(Q) with temperature 1 (Eq. 4.3)."""
        return self.values.softmax(1)

    def argmax(self) -> torch.Tensor:
        """Return the best action of each state (B, D)."""
        return self._take(self.values.argmax(1, keepdim=True)).squeeze(1)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw actions (B, count, D) from softmax(Q) with temperature 1 (Eq. 4.3)."""
        return self._take(self.draw(count, generator))

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw the indices (B, count) of the particles that `sample` takes."""
        return torch.multinomial(self.weights, count, replacement=True, generator=generator)

    def _take(self, chosen: torch.Tensor) -> torch.Tensor:
        index = chosen.unsqueeze(-1).expand(-1, -1, self.actions.shape[-1])
        return self.actions.gather(1, index)


def optimise_actions(
    q_function: QFunction,
    candidates: torch.Tensor,
    config: ActionOptimisationConfig,
    kinds: EntryKinds,
    generator: torch.Generator,
) -> Particles:
    """Rank candidates by Q, keep the best, and climb the critic's gradient from each.

    Args:
        q_function: Mean of the online critics at fixed states.
        candidates: (B, k, D) samples of the policy in [-1, 1].
        config: Settings of Algorithm 1.
        kinds: What the entries of an action are; the gradient moves the movable ones.
        generator: Source of randomness for uniform proposals and the cross-entropy method.

    Returns:
        (B, m, D) particles and their values, in the order of the candidates' rank; no gradient
        flows through them.
    """
    particles = search(q_function, candidates, config, kinds, generator)
    return climb(q_function, particles.actions, config, kinds.movable)


def search(
    q_function: QFunction,
    candidates: torch.Tensor,
    config: ActionOptimisationConfig,
    kinds: EntryKinds,
    generator: torch.Generator,
) -> Particles:
    """Find the m best proposals (global optimisation); arguments as in `optimise_actions`."""
    if config.proposals == 'uniform':
        candidates = uniform_population(candidates, kinds, generator)
    candidates = cem_population(
        q_function, candidates, config.particles, config.cem_iterations, kinds.binary, generator
    )
    return keep_best(q_function, candidates, config.particles)


@torch.no_grad()
def keep_best(q_function: QFunction, candidates: torch.Tensor, count: int) -> Particles:
    """Return the `count` candidates (B, count, D) of highest Q, best first (Eq. 4.1)."""
    values, chosen = q_function(candidates).topk(count, dim=1)
    index = chosen.unsqueeze(-1).expand(-1, -1, candidates.shape[-1])
    return Particles(candidates.gather(1, index), values)


def climb(
    q_function: QFunction,
    start: torch.Tensor,
    config: ActionOptimisationConfig,
    movable: torch.Tensor,
) -> Particles:
    """Climb the gradient of Q in the `movable` entries (D,), inside the bounds (Eq. 4.2).

    Q is evaluated T + 1 times; the last evaluation gives the values of the last iterate, which
    π_opt needs.
    """
    best = start.detach()
    actions = best.clone()
    best_values = torch.full(actions.shape[:2], -torch.inf)
    climbing = torch.ones(actions.shape[:2], dtype=torch.bool)
    for step in range(config.gradient_steps + 1):
        last = step == config.gradient_steps
        with torch.set_grad_enabled(not last):
            actions = actions.requires_grad_(not last)
            values = q_function(actions)
        improved = (values.detach() >= best_values) & climbing
        best = torch.where(improved.unsqueeze(-1), actions.detach(), best)
        best_values = torch.where(improved, values.detach(), best_values)
        if config.acceptance == 'stop_at_first_failure':
            climbing = improved
        if not last:
            (gradient,) = torch.autograd.grad(values.sum(), actions)
            actions = (actions.detach() + config.step_size * gradient * movable).clamp(-1.0, 1.0)
    return Particles(best, best_values)
