# SPDX-License-Identifier: Apache-2.0
"""The names that the actions at one place of a launch file see, and how they read their keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from parl_launch.launch_entry import LaunchEntry
from parl_launch.substitutions import substitute, SubstitutionContext, SubstitutionError

TRUTH = {'true': True, '1': True, 'false': False, '0': False}


@dataclass(kw_only=True)
class LaunchScope:
    """Names that hold at one place; an action changes them for later actions of its group."""

    variables: dict[str, str]
    """Launch arguments and `let` variables."""
    outer_environment: Mapping[str, str]
    """Environment of the runner itself."""
    find_prefix: Callable[[str], Path]
    """Returns the install prefix of a package; raises LookupError if there is none."""
    environment: dict[str, str] = field(default_factory=dict)
    """Environment variables that `set_env` added."""
    namespace: str = ''
    """Namespace of the nodes: absolute, or empty."""

    def inner(self) -> 'LaunchScope':
        """Return a copy for a group, so that changes in the group end with it."""
        return replace(self, variables=dict(self.variables), environment=dict(self.environment))

    def required(self, entry: LaunchEntry, key: str) -> str:
        """Return the resolved text under `key`; raise LaunchError if the key is missing."""
        return self._text(entry, entry.required(key), key)

    def optional(self, entry: LaunchEntry, key: str) -> str | None:
        """Return the resolved text under `key`; None if the key is missing."""
        value = entry.body.get(key) if isinstance(entry.body, dict) else None
        return None if value is None else self._text(entry, value, key)

    def pairs(
        self, entry: LaunchEntry, key: str, first: str, second: str
    ) -> list[tuple[str, str]]:
        """Return two resolved texts of each item of the list under `key`."""
        return [
            (self.required(item, first), self.required(item, second))
            for item in entry.items(key, (first, second))
        ]

    def applies(self, entry: LaunchEntry) -> bool:
        """Say whether the entry's `if` and `unless` allow it."""
        for key, wanted in (('if', True), ('unless', False)):
            text = self.optional(entry, key)
            if text is not None and truth(entry, key, text) is not wanted:
                return False
        return True

    def _text(self, entry: LaunchEntry, value: object, key: str) -> str:
        context = SubstitutionContext(
            variables=self.variables,
            environment={**self.outer_environment, **self.environment},
            folder=entry.file.parent,
            find_package_share=lambda name: self.find_prefix(name) / 'share' / name,
        )
        try:
            return substitute(entry.scalar_text(value, key), context)
        except SubstitutionError as error:
            raise entry.error(f'key {key!r}: {error}') from error


def truth(entry: LaunchEntry, key: str, text: str) -> bool:
    """Read a resolved text as true or false; raise LaunchError if it is neither."""
    if text.strip().lower() not in TRUTH:
        raise entry.error(f'key {key!r}: {text!r} is neither true nor false')
    return TRUTH[text.strip().lower()]
