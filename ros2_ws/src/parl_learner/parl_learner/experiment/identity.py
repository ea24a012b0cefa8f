# SPDX-License-Identifier: Apache-2.0
"""The check that a data folder belongs to one experiment and its tasks."""

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from parl_files.config_change import change_since, first_change
from parl_files.config_file import ConfigError, to_mapping
from parl_files.durable_file import write_durably
from parl_learner.plan.experiment_config import ExperimentConfig

_REMEDY = 'put a copy of it back, or remove it if what was recorded before still holds'


def check_experiment(folder: Path, config: ExperimentConfig, task: Mapping[str, Any]) -> None:
    """Check a folder's experiment against `begun_with.json`, and write that file if it is new.

    Args:
        folder: The data folder of the experiment.
        config: The experiment.
        task: The whole contents of the task file.

    Raises:
        ConfigError: The two files are for different tasks, or the folder was begun with other
            files or another version of the code, or `begun_with.json` cannot be read.
        DurableWriteError: For example, the disk is full.
    """
    roles = {config.pretraining_task or config.task: 'pretraining_task', config.task: 'task'}
    if task['task'] not in roles:
        names = ' and '.join(map(repr, roles))
        raise ConfigError(
            f'the experiment is about task {names}, but the task file is about '
            f'{task["task"]!r}; give two files that match, task:= and experiment:='
        )
    path = folder / 'begun_with.json'
    role = roles[task['task']]
    task = json.loads(json.dumps(task))
    begun = _begun_with(path)
    change = ''
    if 'experiment' in begun:
        change = change_since(begun['experiment'], config, f'{path}: experiment')
    if not change and role in begun:
        change = first_change(begun[role], task, role)
    if change:
        raise ConfigError(
            f'{folder} was begun with other settings: {change}; set it back, use another folder, '
            f'or remove {path} if what was recorded before still holds'
        )
    if not {'experiment', role} <= set(begun):
        now = {**begun, 'experiment': to_mapping(config), role: task}
        write_durably(path, json.dumps(now, indent=1).encode())


def _begun_with(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        begun = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f'{path} is damaged ({error}); {_REMEDY}') from error
    if not isinstance(begun, dict):
        raise ConfigError(f'{path} is damaged (it holds {begun!r}); {_REMEDY}')
    return begun
