# SPDX-License-Identifier: Apache-2.0
"""The state of the learning loop in one file: after kill -9 it continues as if not stopped."""

from collections.abc import Mapping
import dataclasses
from pathlib import Path
from typing import Any, Protocol

import torch

from parl_files.config_change import change_since
from parl_files.config_file import to_mapping
from parl_files.durable_file import write_durably
from parl_files.error import ParlError
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.methods.method import Counters
from parl_learner.training.learning_config import LearningConfig
from parl_learner.training.state_tensors import part, prefixed
from parl_policy.acting.weights_file import load_weights, weights_to_bytes, WeightsFileError

_REMEDY = (
    'put a copy of it back or use another folder; the checkpoint of an experiment may also be '
    'removed; then everything is learned again from its episodes'
)


class CheckpointError(ParlError):
    """A checkpoint is damaged or does not belong to this run."""


def save_checkpoint(path: Path, loop: LearningLoop, rounds: list[list[str]]) -> None:
    """Replace the last checkpoint with the state of the loop.

    Args:
        path: File of the checkpoint.
        loop: The loop to save.
        rounds: For each round, the file names of its episodes, in order.

    Raises:
        DurableWriteError: For example, the disk is full; the old checkpoint is still there.
    """
    tensors = {'random': loop.units.generator.get_state(), 'rows': loop.replay.keys}
    for name, module in _stateful(loop).items():
        tensors |= prefixed(name, module.state_dict())
    metadata: dict[str, Any] = {
        'config': to_mapping(loop.config),
        'counters': dataclasses.asdict(loop.counters),
        'rounds': rounds,
    }
    write_durably(path, weights_to_bytes(tensors, metadata))


def saved_rounds(path: Path, config: LearningConfig) -> list[list[str]]:
    """Return the file names of the episodes of each round in a checkpoint.

    Raises:
        CheckpointError: The checkpoint is damaged, or it was written by another version of the
            code or with another configuration.
        ConfigError: Its configuration was written by another version of the code.
    """
    _, metadata = _load(path)
    change = change_since(metadata['config'], config, f'{path}: learning')
    if change:
        raise CheckpointError(
            f'{path}: {change}; continue with the old setting or use another data folder'
        )
    rounds: list[list[str]] = metadata['rounds']
    return rounds


def load_checkpoint(path: Path, loop: LearningLoop) -> None:
    """Restore the state of a checkpoint in a loop that has resumed the same rounds.

    Raises:
        CheckpointError: The checkpoint is damaged, or it was written on another kind of device
            or by another version of the code.
    """
    tensors, metadata = _load(path)
    generator = loop.units.generator
    if len(tensors['random']) != len(generator.get_state()):
        raise CheckpointError(
            f'{path} was written on another kind of device than {generator.device.type!r}, which '
            f'draws other numbers; choose the device it was written on, or another folder'
        )
    rows = _rows_of_content(path, tensors['rows'], loop.replay.keys.cpu())
    loop.restore(Counters(**metadata['counters']))
    for name, module in _stateful(loop).items():
        try:
            module.load_state_dict(part(tensors, name))
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = ' '.join(str(error).split())  # torch's messages have several lines
            raise _of_another_version(path, f'{name}: {reason}') from error
    if not torch.equal(rows, torch.arange(len(rows))):
        loop.cache.take_rows(rows)
    generator.set_state(tensors['random'])


def _rows_of_content(path: Path, saved: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Return for each row of the replay the saved row of the same content."""
    if torch.equal(saved, present):
        return torch.arange(len(present))
    order = saved.argsort(stable=True)
    place = torch.searchsorted(saved[order], present).clamp(max=max(0, len(saved) - 1))
    if not len(saved) or not torch.equal(saved[order][place], present):
        raise CheckpointError(
            f'{path}: the episodes give other observations than those that it was learned from; '
            'the files or what the networks see of them were changed. Put the files back, or '
            f'{_REMEDY}'
        )
    return order[place]


def _load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Load tensors and metadata, and check that all keys are there."""
    try:
        tensors, metadata = load_weights(path)
    except WeightsFileError as error:
        raise CheckpointError(f'{error.problem}; {_REMEDY}') from error
    expected = {'config', 'counters', 'rounds'}
    if set(metadata) != expected or not {'random', 'rows'} <= set(tensors):
        raise _of_another_version(path, f'it holds {sorted(metadata)}')
    known = {field.name for field in dataclasses.fields(Counters)}
    if set(metadata['counters']) != known:
        found = sorted(metadata['counters'])
        raise _of_another_version(path, f'counters {found}, expected {sorted(known)}')
    return tensors, metadata


def _of_another_version(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f'checkpoint {path} was written by another version of the code ({why}); continue with '
        f'that version, or {_REMEDY}'
    )


class _Stateful(Protocol):
    def state_dict(self) -> Mapping[str, torch.Tensor]: ...

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> object: ...


def _stateful(loop: LearningLoop) -> dict[str, _Stateful]:
    parts: dict[str, _Stateful] = {
        'policy': loop.policy,
        'policy_trainer': loop.policy_trainer,
        'critic_trainer': loop.critic_trainer,
        'cache': loop.cache,
        'method': loop.method,
    }
    if loop.units.waypoint_trainer is not None:
        parts['waypoint_trainer'] = loop.units.waypoint_trainer
    return parts
