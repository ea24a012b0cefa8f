# SPDX-License-Identifier: Apache-2.0
"""Finds the setting that has changed since a run was started."""

from collections.abc import Mapping
import json
from typing import TYPE_CHECKING

from parl_files.config_file import ConfigError, from_mapping, to_mapping

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def change_since(stored: object, config: 'DataclassInstance', where: str) -> str:
    """Name the first setting that differs from the stored one.

    Args:
        stored: What `to_mapping` returned for a configuration of the same class. Settings that
            the class got later count with their defaults.
        config: The configuration now.
        where: File and key of what was stored, for the error message.

    Returns:
        A text as from `first_change`; empty if nothing differs.

    Raises:
        ConfigError: The class no longer has such settings.
    """
    try:
        before = from_mapping(type(config), stored, where)
    except ConfigError as error:
        raise ConfigError(
            f'{error}; this was written by another version of the code: continue with that '
            'version, or start again in another folder'
        ) from error
    return first_change(_plain(before), _plain(config))


def first_change(before: object, after: object, key: str = '') -> str:
    """Name the first entry in which two plain mappings differ.

    Returns:
        A text such as 'learning.discount was 0.99 and is 0.95'; empty if nothing differs.
    """
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return '' if before == after else f'{key} was {before!r} and is {after!r}'
    for name in dict.fromkeys([*after, *before]):
        inner = f'{key}.{name}' if key else str(name)
        change = first_change(before.get(name), after.get(name), inner)
        if change:
            return change
    return ''


def _plain(config: 'DataclassInstance') -> object:
    """Return the configuration as it is read back from a file: with lists instead of tuples."""
    return json.loads(json.dumps(to_mapping(config)))
