# SPDX-License-Identifier: Apache-2.0
"""The folder of a `parl-train` run: for one configuration, one data set, one process at a time."""

from collections.abc import Mapping
import fcntl
from pathlib import Path
from typing import Any, TextIO

from parl_files.config_change import change_since
from parl_files.config_file import from_mapping
from parl_files.durable_file import sweep_partial
from parl_files.error import ParlError
from parl_learner.loop.checkpoint import CheckpointError
from parl_learner.offline.run.training_config import TrainingConfig
from parl_learner.offline.run.training_result import load_result, TrainingResult


class RunFolderError(ParlError):
    """A run cannot use its folder; the message says why and what to do."""


def take_folder(folder: Path) -> TextIO:
    """Make a folder if it is missing, and lock it for one run.

    Returns:
        The lock file. The lock ends when it is closed or the process ends, also by kill -9.

    Raises:
        RunFolderError: The folder cannot be made, or another run is using it.
    """
    path = folder / 'lock'
    try:
        (folder / 'artifacts').mkdir(parents=True, exist_ok=True)  # needed hours later
        lock = path.open('a', encoding='utf-8')
    except OSError as error:
        raise RunFolderError(
            f'cannot use {folder} as the folder of a run: {error}; choose another with --out'
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise RunFolderError(
            f'another run is using {folder}; let it end, or choose another folder with --out'
        ) from error
    sweep_partial(folder)
    return lock


def begin_result(
    path: Path, checkpoint: Path, config: Mapping[str, Any], data: str
) -> TrainingResult:
    """Load the result of a run, or write a new one before anything is learned.

    Args:
        path: File of the result.
        checkpoint: File of the same run's checkpoint; it is missing until the first round begins.
        config: All settings of a `TrainingConfig`, as from JSON.
        data: Digest of the offline data.

    Raises:
        CheckpointError: The folder belongs to a run with another configuration or other data.
        ConfigError: The folder belongs to a run of another version of the code.
        RunFolderError: A file of the run is missing.
        ResultFileError: The result is damaged.
        DurableWriteError: For example, the disk is full.
    """
    if not path.exists():
        if checkpoint.exists():
            raise RunFolderError(
                f'{checkpoint} is there but {path.name}, which names its settings, is missing; '
                'put it back or use another folder'
            )
        result = TrainingResult(config['name'], config['seed'], config, data)
        result.save(path)
        return result
    result = load_result(path)
    now = from_mapping(TrainingConfig, config, 'the configuration')
    if change := change_since(result.config, now, f'{path}: config'):
        raise CheckpointError(
            f'{path.parent}: {change}; continue with the old setting or use another folder'
        )
    if result.data != data:
        raise CheckpointError(
            f'{path.parent} was begun with other offline data (sha256 {result.data[:12]}…, now '
            f'{data[:12]}…); give it the old data or use another folder'
        )
    if result.evaluations and not checkpoint.exists():
        raise RunFolderError(
            f'{path} has evaluations but {checkpoint.name} is missing; put it back or use '
            'another folder'
        )
    return result
