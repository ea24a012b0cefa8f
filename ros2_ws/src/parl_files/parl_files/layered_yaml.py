# SPDX-License-Identifier: Apache-2.0
"""Reads a YAML file that extends others, and single settings that override all of them."""

from collections.abc import Iterator, Mapping, Sequence
import difflib
from pathlib import Path
from typing import Any, NamedTuple

from parl_files.config_file import ConfigError
from parl_files.yaml_file import load_yaml, parse_yaml


class Layered(NamedTuple):
    """What files and settings say together."""

    mapping: dict[str, Any]
    where: str
    """The file and all that it was merged with, for messages on the mapping."""


def load_layered_yaml(
    path: Path,
    over: Path | None = None,
    settings: Sequence[str] = (),
    named: Mapping[str, Path] | None = None,
) -> Layered:
    """Read a YAML file that may extend others, and change single settings of it.

    `extends: ../other.yaml`, relative to the file, means that this file's keys override those of
    the other file. Mappings are merged key by key, everything else is replaced as a whole. null
    removes a key, so that its default holds again (JSON Merge Patch, RFC 7396). In a list of
    files each one overrides those before it. A file that names another `policy_class` drops the
    settings `policy` of the former class; this holds for any key and its `_class`.

    Args:
        path: The file.
        over: Another file that overrides it. It may be used over any file and does not know what
            that file says, so it removes a key only by null.
        settings: Texts such as 'learning.imitation_steps=100' with a value in YAML, which override
            what the files say; null removes a key.
        named: Files that `extends` may call by a name.

    Raises:
        ConfigError: A file cannot be read or extends itself, or a setting has another form.
    """
    merged: dict[str, Any] = {}
    sources: list[str] = []
    for file, layer in _layers(path, named or {}, ()):
        merged = _laid_over(merged, layer)
        sources.append(str(file))
    if over is not None:
        for file, layer in _layers(over, named or {}, ()):
            merged = _laid_over(merged, layer, keeps_settings=True)
            sources.append(str(file))
    for setting in settings:
        _set(merged, setting)
        sources.append(setting)
    others = [source for source in sources if source != str(path)]
    return Layered(merged, f'{path} (with {", ".join(others)})' if others else str(path))


def _layers(
    path: Path, named: Mapping[str, Path], above: tuple[Path, ...]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield what the file extends, then its own content; `above` are the files that extend it."""
    if path.resolve() in above:
        raise ConfigError(f'{above[0]} extends itself through {path}')
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
        if following.suffix not in ('.yaml', '.yml'):
            near = difflib.get_close_matches(base, named, n=1)
            raise ConfigError(
                f'{path}: extends: {base!r} is no YAML file and none of {sorted(named)}'
                + (f'; did you mean {near[0]!r}?' if near else '')
            )
        yield from _layers(following, named, (*above, path.resolve()))
    yield path, layer


def _set(mapping: dict[str, Any], setting: str) -> None:
    names, is_one, text = setting.partition('=')
    if not is_one:
        raise ConfigError(f'{setting!r} is not a setting; write key=value')
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
    """Return the base without the settings that were meant for another class."""

    def is_for_another_class(key: str) -> bool:
        name = f'{key}_class'
        return name in base and name in patch and base[name] != patch[name]

    return {key: value for key, value in base.items() if not is_for_another_class(key)}
