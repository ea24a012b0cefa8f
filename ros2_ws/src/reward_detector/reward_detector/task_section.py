# SPDX-License-Identifier: Apache-2.0
"""Strict reading of the sections of a task file: a wrong key is an error that names it."""

from __future__ import annotations

from pathlib import Path

import yaml


class TaskFileError(ValueError):
    """A task file cannot be used; the message names the file, the key and the remedy."""


def read_task_file(path: str | Path) -> dict[str, object]:
    """Read the whole task file.

    Args:
        path: the task's YAML file.

    Returns:
        Its top-level mapping.

    Raises:
        TaskFileError: the file is missing, is no YAML, or holds no mapping.
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
        raise TaskFileError(f'{path}: a task file is a mapping of sections')
    return content


class Section:
    """One mapping of a task file, read key by key."""

    def __init__(self, content: object, name: str, path: str | Path) -> None:
        """Wrap `content`, which stands under `name` in the file at `path`."""
        if not isinstance(content, dict):
            raise TaskFileError(f'{path}: {name} must be a mapping, got {content!r}')
        self._content = content
        self.name = name
        self.path = path

    def value(self, key: str) -> object:
        """Return what stands under `key`; TaskFileError where it is missing."""
        if key not in self._content:
            raise TaskFileError(f'{self.path}: key {self.name}.{key} is missing; add it')
        return self._content[key]

    def section(self, key: str) -> Section:
        """Return the mapping under `key`."""
        return Section(self.value(key), f'{self.name}.{key}', self.path)

    def number(self, key: str) -> float:
        """Return the number under `key`."""
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TaskFileError(f'{self.path}: {self.name}.{key} must be a number, got {value!r}')
        return float(value)

    def text(self, key: str) -> str:
        """Return the text under `key`."""
        value = self.value(key)
        if not isinstance(value, str):
            raise TaskFileError(f'{self.path}: {self.name}.{key} must be text, got {value!r}')
        return value

    def allow_only(self, *keys: str) -> None:
        """Raise TaskFileError if the section has a key that nobody would read."""
        unknown = sorted(set(self._content) - set(keys))
        if unknown:
            raise TaskFileError(
                f'{self.path}: unknown key {self.name}.{unknown[0]}; known are {", ".join(keys)}'
            )


def base_frame(task: dict[str, object], path: str | Path) -> str:
    """Return the frame that positions are given in, `<robot>/base_link`."""
    robot = task.get('robot')
    if not isinstance(robot, str) or not robot:
        raise TaskFileError(f'{path}: key robot must name the robot, got {robot!r}')
    return f'{robot}/base_link'
