# SPDX-License-Identifier: Apache-2.0
"""Strict reading of a task file's sections into dataclasses: a wrong key is named."""

from collections.abc import Collection, Mapping
import dataclasses
import math
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints, TypeVar

import yaml

Section = TypeVar('Section')


class TaskFileError(ValueError):
    """A task file cannot be used; the message names the file, the key and the remedy."""


def require(is_valid: bool, name: str, value: object, remedy: str) -> None:
    """Raise ValueError that names the field, its value and the remedy, unless `is_valid`."""
    if not is_valid:
        raise ValueError(f'{name} is {value}: {remedy}')


def read_mapping(path: str | Path) -> Mapping[str, Any]:
    """Read the whole task file; raises TaskFileError where it holds no mapping."""
    where = str(path)
    if Path(path) == Path():
        raise TaskFileError('parameter task_file is empty; give the path of a task file')
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaskFileError(
            f'{where}: {error}; give the path of a readable task file, saved as UTF-8'
        ) from error
    return mapping(content, where)


def mapping(content: object, where: str) -> Mapping[str, Any]:
    """Return `content` if it is a mapping; `where` names it in the TaskFileError."""
    if not isinstance(content, Mapping):
        raise TaskFileError(f'{where}: holds {content!r}; give a mapping of keys to values')
    return content


def take(section: Mapping[str, Any], key: str, where: str) -> Any:  # noqa: ANN401
    """Return what stands under `key`; TaskFileError where it is missing."""
    if key not in section:
        raise TaskFileError(f'{where}: key {key} is missing; add it')
    return section[key]


def value(kind: Any, section: Mapping[str, Any], key: str, where: str) -> Any:  # noqa: ANN401
    """Return what stands under `key` as a `kind` (a type, or a tuple of types)."""
    return _convert(kind, take(section, key, where), f'{where}.{key}')


def build(
    cls: type[Section],
    content: object,
    where: str,
    others: Collection[str] = (),
) -> Section:
    """Make a section dataclass from a mapping.

    Args:
        cls: the dataclass; its fields are the keys.
        content: the mapping.
        where: file and section, for messages.
        others: keys that belong to other packages and are not looked at.

    Raises:
        TaskFileError: a key is missing, unknown, of the wrong type or out of range.
    """
    section = mapping(content, where)
    hints = get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for unknown in sorted(set(section) - set(names) - set(others)):
        known = ', '.join(sorted([*names, *others]))
        raise TaskFileError(f'{where}.{unknown}: unknown key; known are {known}')
    values = {name: value(hints[name], section, name, where) for name in names}
    try:
        return cls(**values)
    except ValueError as error:
        raise TaskFileError(f'{where}: {error}') from error


def _convert(kind: Any, found: Any, where: str) -> Any:  # noqa: ANN401
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if not isinstance(found, list) or len(found) != len(kinds):
            raise TaskFileError(f'{where} is {found!r}; give a list of {len(kinds)} numbers')
        return tuple(_convert(part, item, where) for part, item in zip(kinds, found, strict=True))
    if kind is float and isinstance(found, int) and not isinstance(found, bool):
        found = float(found)
    if type(found) is not kind or (kind is float and not math.isfinite(found)):
        raise TaskFileError(f'{where} is {found!r}; give a finite {kind.__name__}')
    return found
