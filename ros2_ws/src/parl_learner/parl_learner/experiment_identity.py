# SPDX-License-Identifier: Apache-2.0
"""A data folder belongs to one experiment and its tasks: anything else is refused."""

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
    roles = {config.pretraining_task or config.task: 'pretraining_task', config.task: 'task'}
    if task['task'] not in roles:
        names = ' and '.join(map(repr, roles))
        raise ConfigError(
            f'the experiment is about task {names} and the task file about '
            f'{task["task"]!r}; give both, task:= and experiment:='
        )
    path = folder / 'begun_with.json'
    plain = json.dumps({'experiment': to_mapping(config), roles[task['task']]: task})
    now: dict[str, Any] = json.loads(plain)
    begun = json.loads(path.read_text(encoding='utf-8')) if path.exists() else {}
    both = [key for key in now if key in begun]
    change = first_change({key: begun[key] for key in both}, {key: now[key] for key in both})
    if change:
        raise ConfigError(
            f'{folder} was begun with other settings: {change}; set it back, use another folder, '
            f'or remove {path} if what was recorded before still holds'
        )
    if len(both) < len(now):
        write_durably(path, json.dumps({**begun, **now}, indent=1).encode())
