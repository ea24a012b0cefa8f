# SPDX-License-Identifier: Apache-2.0
"""The state of modules and optimisers as flat, named tensors for checkpoints."""

from collections.abc import Mapping

import torch


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the moments and step counts of all parameters, by 'index/slot'."""
    return {
        f'{index}/{slot}': value
        for index, slots in optimiser.state_dict()['state'].items()
        for slot, value in slots.items()
    }


def load_optimiser_tensors(
    optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Restore what `optimiser_tensors` returned; learning rates stay as they are."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, slot = key.split('/')
        state.setdefault(int(index), {})[slot] = value
    optimiser.load_state_dict({**optimiser.state_dict(), 'state': state})


def prefixed(name: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the same tensors with keys 'name/key'."""
    return {f'{name}/{key}': value for key, value in tensors.items()}


def part(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Undo `prefixed`: return the tensors whose key begins with 'name/', without this prefix."""
    prefix = f'{name}/'
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
