# SPDX-License-Identifier: Apache-2.0
"""All that the learning loop is, in one file: after kill -9 it goes on as if nothing happened."""

from collections.abc import Mapping
import dataclasses
import json
from pathlib import Path
from typing import Any

import torch

from parl_learner.learning_config import LearningConfig
from parl_learner.learning_loop import Counters, LearningLoop
from parl_policy.config_file import to_mapping
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
    trainer = loop.critic_trainer
    tensors = {'random': torch.get_rng_state()}
    metadata: dict[str, Any] = {
        'config': to_mapping(loop.config),
        'counters': dataclasses.asdict(loop.counters),
        'rounds': rounds,
    }
    for name, module in (
        ('policy', loop.policy),
        ('critic', trainer.critic),
        ('target', trainer.target),
        ('cache', loop.cache),
    ):
        tensors |= {f'{name}/{key}': value for key, value in module.state_dict().items()}
    for name, optimiser in (
        ('policy_adam', loop.policy_trainer.optimiser),
        ('critic_adam', trainer.optimiser),
    ):
        for index, slots in optimiser.state_dict()['state'].items():
            tensors |= {f'{name}/{index}/{slot}': value for slot, value in slots.items()}
    write_durably(path, weights_to_bytes(tensors, metadata))


def saved_rounds(path: Path, config: LearningConfig) -> list[list[str]]:
    """File names of the episodes that the checkpoint's rounds took in.

    Raises:
        CheckpointError: It was made with another configuration.
        WeightsFileError: The file is damaged.
    """
    _, metadata = load_weights(path)
    found, wanted = metadata['config'], json.loads(json.dumps(to_mapping(config)))
    changed = [key for key in wanted if found.get(key) != wanted[key]]
    if changed:
        raise CheckpointError(
            f'{path} was made with {changed[0]} = {found.get(changed[0])}, this run has '
            f'{wanted[changed[0]]}; continue with the old setting or use another data folder'
        )
    rounds: list[list[str]] = metadata['rounds']
    return rounds


def load_checkpoint(path: Path, loop: LearningLoop) -> None:
    """Bring a loop that has resumed the same rounds to where the checkpoint was written."""
    tensors, metadata = load_weights(path)
    loop.counters = Counters(**metadata['counters'])
    trainer = loop.critic_trainer
    loop.policy.load_state_dict(_part(tensors, 'policy'))
    trainer.critic.load_state_dict(_part(tensors, 'critic'))
    trainer.target.load_state_dict(_part(tensors, 'target'))
    loop.cache.load_state_dict(_part(tensors, 'cache'))
    _load_adam(loop.policy_trainer.optimiser, _part(tensors, 'policy_adam'))
    _load_adam(trainer.optimiser, _part(tensors, 'critic_adam'))
    torch.set_rng_state(tensors['random'])


def _load_adam(optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, slot = key.split('/')
        state.setdefault(int(index), {})[slot] = value
    optimiser.load_state_dict({**optimiser.state_dict(), 'state': state})


def _part(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    prefix = f'{name}/'
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
