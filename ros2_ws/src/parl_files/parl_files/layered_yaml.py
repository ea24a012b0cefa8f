# SPDX-License-Identifier: Apache-2.0
"""A YAML file that is laid over others, and single settings laid over all of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parl_files.config_file import ConfigError
from parl_files.yaml_file import load_yaml, parse_yaml


def load_layered_yaml(
    path: Path,
    over: Path | None = None,
    settings: Sequence[str] = (),
    named: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Read a YAML file that may extend others, and change single settings of it.

    `extends: ../other.yaml`, relative to the file, lays this file's keys over the other's:
    mappings key by key, everything else as a whole; null takes a key away, so that its default
    holds again (JSON Merge Patch, RFC 7396). A list of files is laid one over the other in its
    order. A layer that names another `policy_class` takes the settings `policy` of the former one
    away, and so for any key and its `_class`.

    Args:
        path: The file.
        over: Another one that is laid over it. It makes something else of any file and cannot
            know what that says, so it takes nothing away but by null.
        settings: 'learning.imitation_steps=100': values in YAML that take the place of what the
            files say; null takes a key away.
        named: Files that `extends` may call by a name.

    Raises:
        ConfigError: A file cannot be read or extends itself, or a setting is none.
    """
    merged: dict[str, Any] = {}
    for layer in _layers(path, named or {}, ()):
        merged = _laid_over(merged, layer)
    if over is not None:
        for layer in _layers(over, named or {}, ()):
            merged = _laid_over(merged, layer, keeps_settings=True)
    for setting in settings:
        _set(merged, setting)
    return merged


def _layers(
    path: Path, named: Mapping[str, Path], above: tuple[Path, ...]
) -> Iterator[dict[str, Any]]:
    """Give what the file extends, and then the file; `above` are those that extend it."""
    if path.resolve() in above:
        raise ConfigError(f'{above[0]} extends itself by way of {path}')
    try:
        layer = load_yaml(path)
    except ConfigError as error:
        if not above:
            raise
        raise ConfigError(f'{above[-1]}: extends: {error}') from error
    found = layer.pop('extends', [])
    bases = found if isinstance(found, list) else [found]
    for base in bases:
        if not isinstance(base, str):
            raise ConfigError(f'{path}: extends is {found!r}; give a file name, or a list of them')
        following = named.get(base, path.parent / base)
        yield from _layers(following, named, (*above, path.resolve()))
    yield layer


def _set(mapping: dict[str, Any], setting: str) -> None:
    names, is_one, text = setting.partition('=')
    if not is_one:
        raise ConfigError(f'{setting!r} is no setting; write key=value')
    value = parse_yaml(text, f'--set {setting}')
    *sections, key = names.split('.')
    for section in sections:
        mapping = mapping.setdefault(section, {})
        if not isinstance(mapping, dict):
            raise ConfigError(f'--set {setting}: {section!r} holds {mapping!r}, not a section')
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value


def _laid_over(
    base: object, patch: Mapping[str, Any], keeps_settings: bool = False
) -> dict[str, Any]:
    merged = dict(base) if isinstance(base, Mapping) else {}
    if not keeps_settings:
        merged = _still_meant(merged, patch)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = _laid_over(merged.get(key), value, keeps_settings)
        else:
            merged[key] = value
    return merged


def _still_meant(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stays of the base: settings say nothing to another class than they were for."""

    def is_for_another_class(key: str) -> bool:
        name = f'{key}_class'
        return name in base and name in patch and base[name] != patch[name]

    return {key: value for key, value in base.items() if not is_for_another_class(key)}
