# SPDX-License-Identifier: Apache-2.0
"""What the actions at one place of a launch file see, and how they read their keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from parl_launch.launch_entry import LaunchEntry
from parl_launch.substitutions import substitute, SubstitutionContext, SubstitutionError

TRUTH = {'true': True, '1': True, 'false': False, '0': False}


@dataclass(kw_only=True)
class LaunchScope:
    """Names in force; actions change it for the actions after them in the same group."""

    variables: dict[str, str]
    """Launch arguments and `let` variables."""
    outer_environment: Mapping[str, str]
    """Environment the runner itself was started with."""
    find_prefix: Callable[[str], Path]
    """Install prefix of a package by name; raises LookupError where there is none."""
    environment: dict[str, str] = field(default_factory=dict)
    """What `set_env` added."""
    namespace: str = ''
    """Absolute, or empty."""

    def inner(self) -> 'LaunchScope':
        """Gives a copy for a group, whose changes stay its own."""
        return replace(self, variables=dict(self.variables), environment=dict(self.environment))

    def required(self, entry: LaunchEntry, key: str) -> str:
        """Gives the resolved text under `key`; raises LaunchError where it is missing."""
        return self._text(entry, entry.required(key), key)

    def optional(self, entry: LaunchEntry, key: str) -> str | None:
        """Gives the resolved text under `key`, or None."""
        value = entry.body.get(key) if isinstance(entry.body, dict) else None
        return None if value is None else self._text(entry, value, key)

    def pairs(
        self, entry: LaunchEntry, key: str, first: str, second: str
    ) -> list[tuple[str, str]]:
        """Gives two resolved texts of each item of the list under `key`."""
        return [
            (self.required(item, first), self.required(item, second))
            for item in entry.items(key, (first, second))
        ]

    def applies(self, entry: LaunchEntry) -> bool:
        """Says whether the entry's `if` and `unless` let it happen."""
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
    """Reads a resolved text as true or false; raises LaunchError where it is neither."""
    if text.strip().lower() not in TRUTH:
        raise entry.error(f'key {key!r}: {text!r} is neither true nor false')
    return TRUTH[text.strip().lower()]
