# SPDX-License-Identifier: Apache-2.0
"""A data folder belongs to one experiment on one task: anything else is refused, not mixed in."""

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from parl_learner.experiment_config import ExperimentConfig
from parl_policy.config_file import ConfigError, first_change, to_mapping
from parl_policy.durable_file import write_durably


def check_experiment(folder: Path, config: ExperimentConfig, task: Mapping[str, Any]) -> None:
    """Keep what a folder's experiment was begun with, in `begun_with.json`.

    Args:
        folder: The experiment's data folder.
        config: The experiment.
        task: All of the task file.

    Raises:
        ConfigError: The files are of two tasks, or the folder was begun with other ones.
        DurableWriteError: The disk is full, say.
    """
    if task['task'] != config.task:
        raise ConfigError(
            f'the experiment is about task {config.task!r} and the task file about '
            f'{task["task"]!r}; give both, task:= and experiment:='
        )
    path = folder / 'begun_with.json'
    now = json.loads(json.dumps({'experiment': to_mapping(config), 'task': task}))
    if not path.exists():
        write_durably(path, json.dumps(now, indent=1).encode())
        return
    change = first_change(json.loads(path.read_text(encoding='utf-8')), now)
    if change:
        raise ConfigError(
            f'{folder} was begun with other settings: {change}; set it back, use another folder, '
            f'or remove {path} if what was recorded before still holds'
        )
