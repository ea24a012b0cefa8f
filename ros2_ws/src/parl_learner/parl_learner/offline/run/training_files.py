# SPDX-License-Identifier: Apache-2.0
"""Configurations of `parl-train` as files: a task, a method laid over it, settings of a user."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from parl_files.config_file import ConfigError, from_mapping
from parl_files.layered_yaml import load_layered_yaml
from parl_learner.methods.method_files import METHOD_FILES
from parl_learner.offline.run.training_config import TrainingConfig

TASK_FILES = {path.stem: path for path in (Path(__file__).parents[1] / 'config').glob('*.yaml')}
"""Tasks that are installed, by name."""


def load_training(name: str, settings: Sequence[str] = (), method: str = '') -> TrainingConfig:
    """Read a configuration.

    Args:
        name: Path of a YAML file, or the name of one that is installed. `extends:` in it names
            another one whose keys hold where it says nothing.
        settings: 'learning.imitation_steps=100': values in YAML that replace what the file says;
            null takes a key away, so that its default holds.
        method: Path or name of a file of settings that make another method of any task, laid over
            the task's before `settings`. Empty: the task's own method.

    Raises:
        ConfigError: Names the file, the key, what was found and what is allowed.
    """
    mapping = load_layered_yaml(
        _find('task', name, TASK_FILES),
        _find('method', method, METHOD_FILES) if method else None,
        settings,
        METHOD_FILES,
    )
    if method:
        mapping['name'] = f'{mapping.get("name", name)}-{Path(method).stem}'
    return from_mapping(TrainingConfig, mapping, name)


def _find(kind: str, name: str, installed: Mapping[str, Path]) -> Path:
    if Path(name).suffix in ('.yaml', '.yml'):
        return Path(name)
    if name not in installed:
        raise ConfigError(f'no {kind} {name!r}; name a YAML file, or one of {sorted(installed)}')
    return installed[name]
