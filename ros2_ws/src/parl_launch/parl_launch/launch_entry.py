# SPDX-License-Identifier: Apache-2.0
"""One entry of a YAML launch file, with errors that say where in the file it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parl_files.error import ParlError


class LaunchError(ParlError):
    """A launch file cannot be used; the message names file, action and key."""


@dataclass(frozen=True, kw_only=True)
class LaunchEntry:
    """One action, or one item of a list inside an action."""

    file: Path
    """The launch file."""
    action: str
    """Kind of action, e.g. `node`."""
    label: str
    """Name of the entry in messages, e.g. `node 'policy'`."""
    body: object
    """Content of the action: a mapping, or a list for a group."""

    def error(self, message: str) -> LaunchError:
        """Return an error that says in which file and entry it happened."""
        return LaunchError(f'{self.file}: {self.label}: {message}')

    def check_keys(self, known: Sequence[str]) -> None:
        """Check that the entry has only keys that are in `known`.

        Raises:
            LaunchError: There is another key, or the entry is not a mapping.
        """
        if isinstance(self.body, list) and 'children' in known:
            return
        if not isinstance(self.body, dict):
            raise self.error(f'needs keys ({", ".join(known)}), got {self.body!r}')
        if unknown := [str(key) for key in self.body if key not in known]:
            raise self.error(
                f'key {", ".join(map(repr, unknown))} is not supported; known: {", ".join(known)}'
            )

    def required(self, key: str) -> object:
        """Return the value of `key`.

        Raises:
            LaunchError: The key is missing.
        """
        if not isinstance(self.body, dict) or self.body.get(key) is None:
            raise self.error(f'key {key!r} is missing')
        return self.body[key]

    def items(self, key: str, known: Sequence[str]) -> list['LaunchEntry']:
        """Return the entries of the list under `key`; none if the key is absent.

        Raises:
            LaunchError: It is not a list, or an entry has a key that is not in `known`.
        """
        values = self.body.get(key, []) if isinstance(self.body, dict) else []
        if not isinstance(values, list):
            raise self.error(f'key {key!r} needs a list, got {values!r}')
        entries = [
            LaunchEntry(
                file=self.file, action=key, label=f'{self.label}, {key} {index}', body=value
            )
            for index, value in enumerate(values)
        ]
        for entry in entries:
            entry.check_keys(known)
        return entries

    def scalar_text(self, value: object, key: str) -> str:
        """Return a YAML value as text, as it would be written in the file.

        Raises:
            LaunchError: It is a mapping or a nested list.
        """
        if isinstance(value, bool):
            return 'true' if value else 'false'
        if isinstance(value, str | int | float):
            return str(value)
        if isinstance(value, list) and all(isinstance(v, bool | int | float | str) for v in value):
            return '[' + ', '.join(self.scalar_text(item, key) for item in value) + ']'
        raise self.error(f'key {key!r} needs a single value, got {value!r}')


def read_entries(file: Path, actions: object) -> list[LaunchEntry]:
    """Return one entry for each action of a list.

    Raises:
        LaunchError: An action is not a mapping with one key, the kind of action.
    """
    if not isinstance(actions, list):
        raise LaunchError(f'{file}: needs a list of actions, got {actions!r}')
    entries = []
    for index, action in enumerate(actions):
        if not isinstance(action, dict) or len(action) != 1:
            raise LaunchError(
                f'{file}: action {index}: needs exactly one key, the kind of action; '
                f'got {action!r} (indent what belongs to it)'
            )
        ((kind, body),) = action.items()
        entries.append(LaunchEntry(file=file, action=kind, label=_label(kind, body), body=body))
    return entries


def _label(kind: str, body: object) -> str:
    if isinstance(body, dict):
        for key in ('name', 'exec', 'file', 'cmd', 'namespace'):
            if key in body:
                return f'{kind} {body[key]!r}'
    return kind
