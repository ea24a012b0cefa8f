# SPDX-License-Identifier: Apache-2.0
"""Configuration files of `parl-train`: a task, a method over it, and settings of the user."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from parl_files.config_file import ConfigError, from_mapping
from parl_files.layered_yaml import load_layered_yaml
from parl_learner.methods.method_files import METHOD_FILES
from parl_learner.offline.run.training_config import TrainingConfig

TASK_FILES = {path.stem: path for path in (Path(__file__).parents[1] / 'config').glob('*.yaml')}
"""Files of the installed tasks, by name."""


def load_training(name: str, settings: Sequence[str] = (), method: str = '') -> TrainingConfig:
    """Read a configuration.

    Args:
        name: Path of a YAML file, or name of an installed one. Its `extends:` names another file,
            whose values hold for keys that the file does not have.
        settings: Settings such as 'learning.imitation_steps=100', with values in YAML, which
            replace those of the file; null removes a key, so that its default holds.
        method: Path or name of a file with the settings of another method. They replace those of
            the task, before `settings`. Empty: the task's own method.

    Raises:
        ConfigError: The message names the file, the key, the value found and what is allowed.
    """
    mapping, where = load_layered_yaml(
        _find('task', name, TASK_FILES),
        _find('method', method, METHOD_FILES) if method else None,
        settings,
        METHOD_FILES,
    )
    if method:
        mapping['name'] = f'{mapping.get("name", name)}-{Path(method).stem}'
    return from_mapping(TrainingConfig, mapping, where)


def _find(kind: str, name: str, installed: Mapping[str, Path]) -> Path:
    if Path(name).suffix in ('.yaml', '.yml'):
        return Path(name)
    if name not in installed:
        raise ConfigError(f'no {kind} {name!r}; name a YAML file, or one of {sorted(installed)}')
    return installed[name]
