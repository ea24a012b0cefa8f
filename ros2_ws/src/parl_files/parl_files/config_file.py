# SPDX-License-Identifier: Apache-2.0
"""Reads nested, frozen dataclasses from YAML; refuses what it does not know, by name."""

from collections.abc import Mapping
import dataclasses
from enum import StrEnum
from pathlib import Path
import sys
import types
from typing import (
    Any,
    get_args,
    get_origin,
    get_type_hints,
    Literal,
    TYPE_CHECKING,
    TypeVar,
    Union,
)

import yaml

from parl_files.error import ParlError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar('Config', bound='DataclassInstance')


class ConfigError(ParlError):
    """A configuration file is missing, unreadable or says something unknown."""


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        ConfigError: Missing, unreadable, not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f'cannot read {path}: {error}') from error
    if not isinstance(content, dict):
        raise ConfigError(f'{path} holds {type(content).__name__}, expected a mapping of keys')
    return content


def load_layered_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that may extend another one.

    `extends: ../other.yaml`, relative to the file, lays this file's keys over the other's:
    mappings key by key, everything else as a whole; null takes a key away, so that its default
    holds again (JSON Merge Patch, RFC 7396). A layer that names another `policy_class` takes the
    settings `policy` of the former one away, and so for any key and its `_class`.

    Raises:
        ConfigError: A file cannot be read, or extends itself.
    """
    layers: list[dict[str, Any]] = []
    seen: list[Path] = []
    following: Path | None = path
    while following is not None:
        if following.resolve() in seen:
            raise ConfigError(f'{path} extends itself by way of {following}')
        try:
            layer = load_yaml(following)
        except ConfigError as error:
            if not layers:
                raise
            raise ConfigError(f'{seen[-1]}: extends: {error}') from error
        seen.append(following.resolve())
        base = layer.pop('extends', None)
        if base is not None and not isinstance(base, str):
            raise ConfigError(f'{following}: extends is {base!r}, expected a file name')
        layers.append(layer)
        following = None if base is None else following.parent / base
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        merged = _laid_over(merged, layer)
    return merged


def from_mapping(config_class: type[Config], mapping: object, where: str) -> Config:
    """Build a (nested) dataclass from plain YAML or JSON data.

    Args:
        config_class: A dataclass; fields with defaults may be missing from the mapping.
        mapping: What was read.
        where: File and key, for the error message.

    Raises:
        ConfigError: Names the key, what was found and what is allowed.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigError(f'{where}: found {mapping!r}, expected a mapping')
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    hints = get_type_hints(config_class)
    unknown = sorted(set(mapping) - set(fields), key=str)
    if unknown:
        raise ConfigError(f'{where}: unknown key {unknown[0]!r}; known are {sorted(fields)}')
    missing = [
        name
        for name, field in fields.items()
        if name not in mapping
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f'{where}: key {missing[0]!r} is missing')
    values = {
        name: _convert(hints[name], value, f'{where}: {name}') for name, value in mapping.items()
    }
    try:
        return config_class(**values)
    except (ParlError, ValueError) as error:
        raise ConfigError(f'{where}: {error}') from error


def from_known_keys(
    config_class: type[Config], mapping: Mapping[str, object], where: str
) -> Config:
    """As `from_mapping`, from a mapping that holds keys for other readers too."""
    names = {field.name for field in dataclasses.fields(config_class)}
    known = {key: value for key, value in mapping.items() if key in names}
    return from_mapping(config_class, known, where)


def to_mapping(config: 'DataclassInstance') -> dict[str, Any]:
    """Inverse of `from_mapping`: plain data that JSON and YAML can hold."""
    return dataclasses.asdict(config)


def _laid_over(base: object, patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = _still_meant(base, patch) if isinstance(base, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = _laid_over(merged.get(key), value)
        else:
            merged[key] = value
    return merged


def _still_meant(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stays of the base: settings say nothing to another class than they were for."""

    def is_for_another_class(key: str) -> bool:
        name = f'{key}_class'
        return name in base and name in patch and base[name] != patch[name]

    return {key: value for key, value in base.items() if not is_for_another_class(key)}


def _convert(hint: object, value: object, where: str) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_mapping(hint, value, where)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        words = [str(word) for word in hint]
        if value not in words:
            raise ConfigError(f'{where} is {value!r}, expected one of {words}')
        return hint(value)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f'{where} is {value!r}, expected one of {list(arguments)}')
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f'{where} is {value!r}, expected a list')
        inner = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(inner) != len(value):
            raise ConfigError(f'{where} has {len(value)} entries, expected {len(inner)}')
        return tuple(
            _convert(part, entry, f'{where}[{i}]')
            for i, (part, entry) in enumerate(zip(inner, value, strict=True))
        )
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (hint,) = [part for part in arguments if part is not type(None)]
        return _convert(hint, value, where)
    if origin is Mapping and not isinstance(value, Mapping):
        raise ConfigError(f'{where} is {value!r}, expected a mapping')
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= sys.float_info.max:
            raise ConfigError(f'{where} is {value!r}, expected a finite number')
        return float(value)
    if hint in (int, float, str, bool) and type(value) is not hint:
        remedy = '; YAML reads 1e-5 as text, write 1.0e-5' if hint is float else ''
        raise ConfigError(f'{where} is {value!r}, expected {hint.__name__}{remedy}')
    return value
