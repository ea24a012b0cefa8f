# SPDX-License-Identifier: Apache-2.0
"""Configurations of `parl-train` as files: a task, a method laid over it, changes of a user."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parl_files.config_file import ConfigError, from_mapping
from parl_files.yaml_file import load_layered_yaml, load_yaml, parse_yaml
from parl_learner.offline.run.training_config import TrainingConfig

_CONFIGS = Path(__file__).parents[1] / 'config'
_METHODS = Path(__file__).parents[1] / 'method'


def load_training(name: str, changes: Sequence[str] = (), method: str = '') -> TrainingConfig:
    """Read a configuration.

    Args:
        name: Path of a YAML file, or the name of one that is installed. `extends:` in it names
            another one whose keys hold where it says nothing.
        changes: 'learning.imitation_steps=100': values in YAML that replace what the file says;
            null takes a key away, so that its default holds.
        method: Path or name of a file of such changes that make another method of any task: its
            sections are laid over the task's, before `changes`. Empty: the task's own method.

    Raises:
        ConfigError: Names the file, the key, what was found and what is allowed.
    """
    mapping = load_layered_yaml(_find(name, _CONFIGS))
    if method:
        for keys, value in _leaves(load_yaml(_find(method, _METHODS))):
            _change(mapping, keys, value)
        mapping['name'] = f'{mapping.get("name", name)}-{Path(method).stem}'
    for change in changes:
        key, is_one, text = change.partition('=')
        if not is_one:
            raise ConfigError(f'{change!r} is no change; write key=value')
        _change(mapping, key.split('.'), parse_yaml(text, f'--set {change}'))
    return from_mapping(TrainingConfig, mapping, name)


def installed_configs() -> list[str]:
    """Names of tasks that `load_training` knows."""
    return _names(_CONFIGS)


def installed_methods() -> list[str]:
    """Names of methods that `load_training` knows."""
    return _names(_METHODS)


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob('*.yaml'))


def _find(name: str, folder: Path) -> Path:
    if Path(name).suffix in ('.yaml', '.yml'):
        return Path(name)
    if name not in _names(folder):
        raise ConfigError(
            f'no {folder.name} {name!r}; name a YAML file, or one of {_names(folder)}'
        )
    return folder / f'{name}.yaml'


def _leaves(
    mapping: Mapping[str, Any], keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*keys, key))
        else:
            yield (*keys, key), value


def _change(mapping: dict[str, Any], keys: Sequence[str], value: object) -> None:
    for key in keys[:-1]:
        mapping = mapping.setdefault(key, {})
        if not isinstance(mapping, dict):
            raise ConfigError(f'{key!r} holds {mapping!r}, not a section')
    if value is None:
        mapping.pop(keys[-1], None)
    else:
        mapping[keys[-1]] = value
