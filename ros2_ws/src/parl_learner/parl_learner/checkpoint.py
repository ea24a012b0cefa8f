# SPDX-License-Identifier: Apache-2.0
"""All that the learning loop is, in one file: after kill -9 it goes on as if nothing happened."""

from collections.abc import Mapping
import dataclasses
import json
from pathlib import Path
from typing import Any, Protocol

import torch

from parl_learner.learning_config import LearningConfig
from parl_learner.learning_loop import Counters, LearningLoop
from parl_learner.state_tensors import part, prefixed
from parl_policy.config_file import first_change, to_mapping
from parl_policy.durable_file import write_durably
from parl_policy.weights_file import load_weights, weights_to_bytes


class CheckpointError(Exception):
    """A checkpoint does not belong to this run."""


def save_checkpoint(path: Path, loop: LearningLoop, rounds: list[list[str]]) -> None:
    """Write the loop durably over the last checkpoint.

    Args:
        path: Of the checkpoint.
        loop: What to save.
        rounds: File names of the episodes each round took in, in order.

    Raises:
        DurableWriteError: The disk is full, say; the old checkpoint is still there.
    """
    tensors = {'random': loop.units.generator.get_state()}
    for name, module in _stateful(loop).items():
        tensors |= prefixed(name, module.state_dict())
    metadata: dict[str, Any] = {
        'config': to_mapping(loop.config),
        'counters': dataclasses.asdict(loop.counters),
        'rounds': rounds,
    }
    write_durably(path, weights_to_bytes(tensors, metadata))


def saved_rounds(path: Path, config: LearningConfig) -> list[list[str]]:
    """File names of the episodes that the checkpoint's rounds took in.

    Raises:
        CheckpointError: It was made with another configuration.
        WeightsFileError: The file is damaged.
    """
    _, metadata = load_weights(path)
    change = first_change(metadata['config'], json.loads(json.dumps(to_mapping(config))))
    if change:
        raise CheckpointError(
            f'{path}: {change}; continue with the old setting or use another data folder'
        )
    rounds: list[list[str]] = metadata['rounds']
    return rounds


def load_checkpoint(path: Path, loop: LearningLoop) -> None:
    """Bring a loop that has resumed the same rounds to where the checkpoint was written.

    Raises:
        CheckpointError: It was written on another kind of device.
    """
    tensors, metadata = load_weights(path)
    generator = loop.units.generator
    if len(tensors['random']) != len(generator.get_state()):
        raise CheckpointError(
            f'{path} was written on another kind of device than {generator.device.type!r}, which '
            f'draws other numbers; choose the device it was written on, or another folder'
        )
    loop.counters = Counters(**metadata['counters'])
    for name, module in _stateful(loop).items():
        module.load_state_dict(part(tensors, name))
    generator.set_state(tensors['random'])


class _Stateful(Protocol):
    def state_dict(self) -> Mapping[str, torch.Tensor]: ...

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> object: ...


def _stateful(loop: LearningLoop) -> dict[str, _Stateful]:
    stateful: dict[str, _Stateful] = {
        'policy': loop.policy,
        'policy_trainer': loop.policy_trainer,
        'critic_trainer': loop.critic_trainer,
        'cache': loop.cache,
    }
    return stateful if loop.dppo is None else stateful | {'dppo': loop.dppo}
