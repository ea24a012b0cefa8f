# SPDX-License-Identifier: Apache-2.0
"""Action optimisation, the heart of PA-RL (arXiv 2412.06685, Sec. 4.2, Algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from parl_policy.acting.cem import cem_population, uniform_population
from parl_policy.critics.mean_q import Precision

QFunction = Callable[[torch.Tensor], torch.Tensor]
"""Value of actions in fixed states: (B, n, D) -> (B, n)."""


@dataclass(frozen=True, kw_only=True)
class ActionOptimisationConfig:
    """Defaults are the paper's."""

    samples: int = 32
    """Actions sampled from the policy (k)."""
    proposals: Literal['policy', 'uniform'] = 'policy'
    """Where the k actions come from: 'uniform' knows nothing of the policy."""
    cem_iterations: int = 0
    """Refits of the cross-entropy method to the best m before they are kept; 0 = rank only."""
    particles: int = 10
    """Best of them that are kept (m)."""
    gradient_steps: int = 10
    """Ascent steps on each particle (T); 0 = global optimisation only."""
    step_size: float = 3e-4
    """Length of a step per unit of gradient, in normalised action units."""
    acceptance: Literal['best_of_trajectory', 'stop_at_first_failure'] = 'best_of_trajectory'
    """Return a particle's best iterate, or stop climbing where a step no longer improves Q.

    Algorithm 1 as printed breaks at the first improvement; the text and the release do not.
    """
    precision: Precision = 'float32'
    """Of the critic's hidden layers here; its training is float32 always."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
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
    """The support of π_opt.

    Attributes:
        actions: (B, m, D) in [-1, 1].
        values: (B, m) critic values of the actions.
    """

    actions: torch.Tensor
    values: torch.Tensor

    def argmax(self) -> torch.Tensor:
        """Best action of each state, (B, D)."""
        return self._take(self.values.argmax(1, keepdim=True)).squeeze(1)

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """`count` draws a state from softmax(Q), (B, count, D) (Eq. 4.3, temperature 1)."""
        return self._take(self.draw(count, generator))

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Which particles `sample` takes: indices (B, count)."""
        weights = self.values.softmax(1)
        return torch.multinomial(weights, count, replacement=True, generator=generator)

    def _take(self, chosen: torch.Tensor) -> torch.Tensor:
        index = chosen.unsqueeze(-1).expand(-1, -1, self.actions.shape[-1])
        return self.actions.gather(1, index)


def optimise_actions(
    q_function: QFunction,
    candidates: torch.Tensor,
    config: ActionOptimisationConfig,
    movable: torch.Tensor,
    generator: torch.Generator,
) -> Particles:
    """Rank candidates by Q, keep the best, climb the critic's gradient from each.

    Args:
        q_function: Mean of the online critics at fixed states.
        candidates: (B, k, D) samples of the policy.
        config: Numbers of Algorithm 1.
        movable: (D,) bool, the entries that the gradient may move: those that are not binary.
        generator: For proposals that are not the policy's.

    Returns:
        M particles a state, best of the candidates first; no gradient flows through them.
    """
    particles = search(q_function, candidates, config, movable, generator)
    return climb(q_function, particles.actions, config, movable)


def search(
    q_function: QFunction,
    candidates: torch.Tensor,
    config: ActionOptimisationConfig,
    movable: torch.Tensor,
    generator: torch.Generator,
) -> Particles:
    """Global optimisation: the m best of the proposals; arguments as in `optimise_actions`."""
    if config.proposals == 'uniform':
        candidates = uniform_population(candidates, movable, generator)
    candidates = cem_population(
        q_function, candidates, config.particles, config.cem_iterations, movable, generator
    )
    return keep_best(q_function, candidates, config.particles)


@torch.no_grad()
def keep_best(q_function: QFunction, candidates: torch.Tensor, count: int) -> Particles:
    """Ranking (Eq. 4.1): the `count` candidates of highest Q, best first."""
    values, chosen = q_function(candidates).topk(count, dim=1)
    index = chosen.unsqueeze(-1).expand(-1, -1, candidates.shape[-1])
    return Particles(candidates.gather(1, index), values)


def climb(
    q_function: QFunction,
    start: torch.Tensor,
    config: ActionOptimisationConfig,
    movable: torch.Tensor,
) -> Particles:
    """Local optimisation (Eq. 4.2): gradient ascent on Q inside the action bounds.

    Q is evaluated T + 1 times: the last evaluation ranks the last iterate and yields π_opt.
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
