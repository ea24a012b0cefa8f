# SPDX-License-Identifier: Apache-2.0
"""The policy protocol: everything that PARL asks of a policy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable, TypeAlias

import torch

from parl_files.error import ParlError
from parl_policy.observations import States


class ObservationError(ParlError):
    """An observation cannot be used: an entry of it is missing, NaN or infinite."""


Context: TypeAlias = Any
"""What a policy's `encode` returns for B states; only the policy knows its content."""


class EntryKinds(NamedTuple):
    """Which entries of a flat action are of a kind, each (D,) bool."""

    binary: torch.Tensor
    """Only -1 or 1."""
    movable: torch.Tensor
    """What a critic's gradient may change: neither binary nor still."""


@dataclass(frozen=True)
class ActionSpec:
    """Shape of a policy's actions.

    Actions are flat vectors of D = horizon · dim numbers in [-1, 1], first control step first.
    """

    horizon: int
    """Control steps in one action (T); 1 = no chunk."""
    dim: int
    """Numbers per control step (A)."""
    binary: tuple[int, ...] = ()
    """Entries of a control step that are only -1 or 1: a gripper that opens or closes.

    Otherwise a critic would have to rate half-closed grippers, which are not in the data.
    """

    still: tuple[int, ...] = ()
    """Entries of a control step that are the same in all actions of the policy.

    A critic has seen nothing else there, so its gradient in them is noise: one that was followed
    tilted the gripper a little at each step, until nothing was grasped any more.
    """

    @property
    def flat_dim(self) -> int:
        """D = T · A."""
        return self.horizon * self.dim

    def is_binary(self) -> torch.Tensor:
        """Return which entries of a flat action are binary, (D,) bool."""
        return self._mask(self.binary)

    def kinds(self) -> EntryKinds:
        """Return the kinds of the entries of a flat action."""
        return EntryKinds(self.is_binary(), ~self._mask(self.binary + self.still))

    def _mask(self, entries: tuple[int, ...]) -> torch.Tensor:
        step = torch.zeros(self.dim, dtype=torch.bool)
        step[list(entries)] = True
        return step.repeat(self.horizon)

    def snap(self, actions: torch.Tensor) -> torch.Tensor:
        """Return actions (…, D) with the binary entries moved to the nearer of -1 and 1."""
        return torch.where(self.is_binary(), torch.where(actions > 0, 1.0, -1.0), actions)


@runtime_checkable
class Policy(Protocol):
    """Any policy that can sample actions and be trained on actions (PA-RL, arXiv 2412.06685).

    Shapes: B states, k samples per state, m targets per state, D = `action_spec.flat_dim`.
    What it needs besides numbers, its configuration says (`parl_policy.observations.needs_of`).
    Normalisation is part of the policy: it takes raw observations and returns actions in [-1, 1],
    with binary entries snapped.
    """

    action_spec: ActionSpec

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Set the normalisation from the numbers (N, O) of all observations of the demonstrations.

        PARL calls this once, before training. Weights that hold for a normalisation of their own
        need none: then do nothing.
        """
        ...

    def encode(self, observations: States) -> Context:
        """Compute once per state what sampling needs: features, a cache, or the input.

        Args:
            observations: Numbers (B, O); `Observations` if it needs more.
        """
        ...

    def sample(self, context: Context, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw `count` independent actions per state, (B, k, D) in [-1, 1].

        The same state of the generator gives the same actions.
        """
        ...

    def loss(
        self,
        context: Context,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the supervised loss of each state on target actions, in the policy's own way.

        Args:
            context: What `encode` returned for B states.
            targets: (B, m, D) in [-1, 1].
            weights: (B, m) weights of a state's targets; None for 1/m each.
            generator: Source of all randomness.

        Returns:
            (B,).
        """
        ...

    def trainable_parameters(self) -> Iterable[torch.nn.Parameter]:
        """Return the parameters that the optimiser may change (e.g. only adapters)."""
        ...

    def after_update(self) -> None:
        """Update moving averages; PARL calls this after each optimiser step."""
        ...

    def state_dict(self) -> Mapping[str, torch.Tensor]:
        """Return everything that is needed to act and to continue training."""
        ...

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> object:
        """Load what `state_dict` returned."""
        ...


@runtime_checkable
class ReparameterisedPolicy(Policy, Protocol):
    """A policy whose samples pass gradients to its weights; only some baselines need it."""

    def rsample(
        self, context: Context, count: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Draw `count` actions per state with gradients, and their log-probabilities.

        Returns:
            (B, k, D) in [-1, 1], where binary entries need not be snapped; and (B, k), or None if
            the class cannot compute them.
        """
        ...


@runtime_checkable
class ExploringPolicy(Policy, Protocol):
    """A policy whose samples hold extra noise for practice, which evaluations leave out."""

    def exploit(self, context: Context, generator: torch.Generator) -> torch.Tensor:
        """Draw one action per state (B, D) without the extra noise."""
        ...


@runtime_checkable
class TokenPolicy(Policy, Protocol):
    """A policy that writes actions as tokens: two actions of the same tokens are one to it."""

    def tokens(self, actions: torch.Tensor) -> torch.Tensor:
        """Return the token of each number of actions (…, D), as (…, D) integers."""
        ...


@runtime_checkable
class SeededPolicy(TokenPolicy, Protocol):
    """A policy whose samples follow from given numbers, so that another process draws the same.

    It may have 256 tokens at most.
    """

    def draw(self, context: Context, uniform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the tokens (B, k, D) of actions and the log-probability (B, k) of each action.

        Args:
            context: What `encode` returned for B states.
            uniform: (B, k, D) in [0, 1); a state's tokens follow from its own numbers alone.
        """
        ...

    def actions(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the actions (…, D) in [-1, 1] that tokens (…, D) stand for."""
        ...


def weigh_targets(losses: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Return the loss of each state (B,) from the losses (B, m) and weights of its targets."""
    return losses.mean(1) if weights is None else (weights * losses).sum(1)
