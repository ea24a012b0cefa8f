# SPDX-License-Identifier: Apache-2.0
"""Strict reading of a task file: what is wrong is named with file, key, value and remedy."""

from __future__ import annotations

from collections.abc import Callable, Collection
import dataclasses
from pathlib import Path
import sys
from typing import Any, get_args, get_origin, get_type_hints, TypeVar

import yaml

from parl_files.error import ParlError

Kind = TypeVar('Kind')
Vector3 = tuple[float, float, float]
"""Three numbers, as x, y, z."""

_WORDS = {
    bool: 'true or false',
    dict: 'a mapping of keys to values',
    float: 'a finite number',
    int: 'a whole number',
    str: 'a text',
}
"""What to give for a kind."""


class TaskFileError(ParlError):
    """A task file cannot be used; the message names file, key, value and remedy."""


def load_task_file(path: str | Path) -> Section:
    """Read a task file.

    Raises:
        TaskFileError: It is missing, unreadable, no YAML, or holds no keys.
    """
    if Path(path) == Path():
        raise TaskFileError('parameter task_file is empty; give the path of a task file')
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaskFileError(
            f'{path}: {error}; give the path of a readable task file, saved as UTF-8'
        ) from error
    if not isinstance(content, dict):
        raise TaskFileError(f'{path}: holds no keys; see config/tasks for an example')
    return Section(content, path)


class Section:
    """One mapping of a task file; TaskFileError where a key is missing or its value is wrong."""

    def __init__(self, content: dict[str, Any], path: str | Path, name: str = '') -> None:
        """Wrap what stands under `name` in the file at `path`; no name: all of it."""
        self._content = content
        self._path = path
        self._name = name

    def fault(self, key: str, problem: str) -> TaskFileError:
        """Return the error that says of a key what is wrong and what to do."""
        return TaskFileError(f'{self._path}: {self._full(key)} {problem}')

    def allow_only(self, *keys: str) -> None:
        """Refuse keys that nobody would read."""
        for unknown in sorted(set(self._content) - set(keys), key=str):
            raise self.fault(unknown, f'is unknown; known are {", ".join(sorted(keys))}')

    def value(self, kind: type[Kind], key: str) -> Kind:
        """Return what stands under a key.

        Args:
            kind: float (finite), int, bool, str (not empty), dict, a dataclass (as for `build`),
                or a list of a kind; inside a list or a dataclass also a tuple of kinds.
            key: Of this section.
        """
        return self._convert(kind, self._take(key), key)

    def vector(self, key: str) -> Vector3:
        """Return a list of three finite numbers."""
        vector: Vector3 = self._convert(Vector3, self._take(key), key)
        return vector

    def number(self, key: str, low: float, high: float) -> float:
        """Return a number of low..high."""
        return self._number(key, f'a number in {low:g}..{high:g}', lambda x: low <= x <= high)

    def positive(self, key: str) -> float:
        """Return a finite number above 0."""
        return self._number(key, 'a number above 0', lambda x: x > 0.0)

    def section(self, key: str) -> Section:
        """Return the mapping under a key."""
        return self._inner(self.value(dict, key), key)

    def named_sections(self, key: str) -> dict[str, Section]:
        """Return the mappings of a list by their key `name`, in the order of the file."""
        sections: dict[str, Section] = {}
        for index, entry in enumerate(self.value(list[dict], key)):
            name = self._inner(entry, f'{key}[{index}]').value(str, 'name')
            if name in sections:
                raise self.fault(key, f'has {name!r} twice; give each its own name')
            sections[name] = self._inner(entry, f'{key}.{name}')
        return sections

    def build(self, cls: type[Kind], others: Collection[str] = ()) -> Kind:
        """Make a dataclass whose fields are the keys of this section.

        Args:
            cls: The dataclass.
            others: Keys that belong to other readers and are not looked at.
        """
        hints = get_type_hints(cls)
        names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        self.allow_only(*names, *others)
        return self.make(cls, **{name: self.value(hints[name], name) for name in names})

    def make(self, maker: Callable[..., Kind], **values: object) -> Kind:
        """Return maker(**values); its ParlError or ValueError becomes an error of this section."""
        try:
            return maker(**values)
        except (ParlError, ValueError) as error:
            where = f'{self._path}: {self._name}' if self._name else self._path
            raise TaskFileError(f'{where}: {error}') from error

    def _full(self, key: str) -> str:
        return f'{self._name}.{key}' if self._name else key

    def _take(self, key: str) -> Any:  # noqa: ANN401
        if key not in self._content:
            raise self.fault(key, 'is missing; see config/tasks for an example')
        return self._content[key]

    def _number(self, key: str, wanted: str, is_right: Callable[[float], bool]) -> float:
        found = self._take(key)
        if not _fits(float, found) or not is_right(found):
            raise self.fault(key, f'is {found!r}; give {wanted}')
        return float(found)

    def _inner(self, content: dict[str, Any], key: str) -> Section:
        return Section(content, self._path, self._full(key))

    def _convert(self, kind: Any, found: Any, key: str) -> Any:  # noqa: ANN401
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return self._inner(self._convert(dict, found, key), key).build(kind)
        origin, kinds = get_origin(kind), get_args(kind)
        if origin is None:
            if not _fits(kind, found):
                raise self.fault(key, f'is {found!r}; give {_WORDS[kind]}')
            return kind(found)
        is_filled = isinstance(found, list) and bool(found)
        if not is_filled or (origin is tuple and len(found) != len(kinds)):
            count = f'{len(kinds)} numbers' if origin is tuple else 'at least one entry'
            raise self.fault(key, f'is {found!r}; give a list of {count}')
        each = kinds if origin is tuple else kinds * len(found)
        pairs = enumerate(zip(each, found, strict=True))
        return origin(self._convert(part, item, f'{key}[{i}]') for i, (part, item) in pairs)


def _fits(kind: type, found: Any) -> bool:  # noqa: ANN401
    if kind in (float, int):
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        is_finite = is_number and abs(found) <= sys.float_info.max
        return is_finite and (kind is float or found == int(found))
    return isinstance(found, kind) and found != ''
