# SPDX-License-Identifier: Apache-2.0
"""The policy protocol: everything PARL ever asks of a policy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable, TypeAlias

import torch

from parl_files.error import ParlError


class ObservationError(ParlError):
    """An observation cannot be acted on: an entry of it is missing, NaN or infinite."""


Context: TypeAlias = Any
"""What a policy keeps of B states between `encode` and its use, B leading; its own affair."""


@dataclass(frozen=True)
class ActionSpec:
    """Shape of what a policy samples.

    Actions are flat vectors of D = horizon · dim numbers in [-1, 1], first control step first.
    """

    horizon: int
    """Control steps in one action (T); 1 = no chunk."""
    dim: int
    """Numbers per control step (A)."""
    binary: tuple[int, ...] = ()
    """Entries of a control step that are only ever -1 or 1: a gripper that opens or closes.

    A critic would else be asked about half-closed grippers that no data ever showed.
    """

    @property
    def flat_dim(self) -> int:
        """D = T · A."""
        return self.horizon * self.dim

    def is_binary(self) -> torch.Tensor:
        """(D,) bool: which entries of a flat action are -1 or 1."""
        step = torch.zeros(self.dim, dtype=torch.bool)
        step[list(self.binary)] = True
        return step.repeat(self.horizon)

    def snap(self, actions: torch.Tensor) -> torch.Tensor:
        """Actions (…, D) with the binary entries moved to the nearer of -1 and 1."""
        return torch.where(self.is_binary(), torch.where(actions > 0, 1.0, -1.0), actions)


@runtime_checkable
class Policy(Protocol):
    """Any policy that can sample actions and be trained on actions (PA-RL, arXiv 2412.06685).

    Shapes: B states, k samples a state, m targets a state, D = `action_spec.flat_dim`.
    Normalisation belongs inside: a policy takes raw observations and speaks actions in [-1, 1],
    binary entries snapped.
    """

    action_spec: ActionSpec

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Called once before training, with all observations (N, O) of the demonstrations."""
        ...

    def encode(self, observations: torch.Tensor) -> Context:
        """Context computed once per state: features, a key-value cache, or the input."""
        ...

    def sample(self, context: Context, count: int, generator: torch.Generator) -> torch.Tensor:
        """`count` independent actions a state: (B, k, D); same generator state, same actions."""
        ...

    def loss(
        self,
        context: Context,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Supervised loss of the policy's own kind on target actions (B, m, D).

        `weights` (B, m) weigh a state's targets and default to 1/m each; returns (B,).
        """
        ...

    def trainable_parameters(self) -> Iterable[torch.nn.Parameter]:
        """What the optimiser may change (adapters only, for a large model)."""
        ...

    def after_update(self) -> None:
        """Called after each optimiser step, for moving averages."""
        ...

    def state_dict(self) -> Mapping[str, torch.Tensor]:
        """Everything needed to act and to go on training."""
        ...

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> object:
        """Inverse of `state_dict`."""
        ...


@runtime_checkable
class ReparameterisedPolicy(Policy, Protocol):
    """A policy whose samples pass gradients to its weights; only some baselines ask for it."""

    def rsample(
        self, context: Context, count: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """`count` actions a state with gradients, and their log-probabilities.

        Returns:
            (B, k, D) in [-1, 1], binary entries not necessarily snapped, and (B, k), or None
            where the class does not know them.
        """
        ...


@runtime_checkable
class ExploringPolicy(Policy, Protocol):
    """A policy whose samples hold noise that is there for practice; evaluations leave it out."""

    def exploit(self, context: Context, generator: torch.Generator) -> torch.Tensor:
        """One action a state as it acts alone where nothing is to be learnt, (B, D)."""
        ...


def weigh_targets(losses: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Loss of each state (B,) from those of its m targets (B, m), as `Policy.loss` says."""
    return losses.mean(1) if weights is None else (weights * losses).sum(1)
