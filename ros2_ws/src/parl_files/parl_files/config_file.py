# SPDX-License-Identifier: Apache-2.0
"""Makes nested, frozen dataclasses from a file, and explains what is wrong in the file."""

from collections.abc import Callable, Collection, Iterable, Mapping
import dataclasses
import difflib
from enum import StrEnum
import re
import sys
import types
from typing import (
    Annotated,
    Any,
    ClassVar,
    get_args,
    get_origin,
    get_type_hints,
    Literal,
    TYPE_CHECKING,
    TypeVar,
    Union,
)

from parl_files.error import ParlError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_NUMBER = re.compile(r'[-+]?[0-9.]+([eE][-+]?[0-9]+)?')
_WORDS = {bool: 'true or false', float: 'a finite number', int: 'a whole number', str: 'a text'}

Config = TypeVar('Config', bound='DataclassInstance')
Kind = TypeVar('Kind')


class ConfigError(ParlError):
    """A configuration file is missing or unreadable, or a key or value in it is wrong."""


class SharedSection:
    """Base of a dataclass that reads its own keys of a mapping and leaves the rest to others."""

    OTHERS: ClassVar[Collection[str] | None] = None
    """Keys that other readers take; any further key is refused. None: those keys are not known."""


class Named(dict[str, Kind]):
    """Type of a field: a list of mappings that each have a `name`; a dict by name, in order."""


@dataclasses.dataclass(frozen=True)
class Only:
    """Limits, inside `Annotated`, the values that a field takes from a file."""

    is_right: Callable[[Any], bool]
    words: str
    """What to give, for the error message."""


def between(low: float, high: float) -> Only:
    """Return the limit that accepts numbers in low..high."""
    return Only(lambda value: low <= value <= high, f'a number in {low:g}..{high:g}')


Positive = Annotated[float, Only(lambda value: value > 0.0, 'a number above 0')]
Text = Annotated[str, Only(bool, 'a text that is not empty')]


def from_mapping(config_class: type[Config], mapping: object, where: str) -> Config:
    """Build a (nested) dataclass from plain YAML or JSON data.

    A field may be a bool, int, finite float or str, a Literal, a tuple, a dataclass, `Named`, one
    of those or None, a Mapping to values of those, or a union of dataclasses that a field of type
    Literal tells apart. A value of Any, and a field of any other type, is taken without a check.

    Args:
        config_class: A dataclass; fields with defaults may be missing from the mapping.
        mapping: What was read.
        where: The file, for the error message.

    Raises:
        ConfigError: Names file, key, what was found and what is allowed.
    """
    return _build(config_class, mapping, _Place(where))


def to_mapping(config: 'DataclassInstance') -> dict[str, Any]:
    """Return plain data for JSON or YAML: the inverse of `from_mapping`, except for `Named`."""
    return dataclasses.asdict(config)


@dataclasses.dataclass(frozen=True)
class _Place:
    """A key in a file."""

    file: str
    key: str = ''

    def inner(self, name: object) -> '_Place':
        return _Place(self.file, f'{self.key}.{name}' if self.key else str(name))

    def entry(self, index: int) -> '_Place':
        return _Place(self.file, f'{self.key}[{index}]')

    def fault(self, problem: str) -> ConfigError:
        return ConfigError(' '.join(filter(None, (f'{self.file}:', self.key, problem))))

    def wrong(self, value: object, wanted: str) -> ConfigError:
        shown = 'empty' if value is None else repr(value)
        shown = shown if len(shown) <= 80 else f'{shown[:77]}...'
        return self.fault(f'is {shown}; give {wanted}')


def _build(config_class: type[Config], mapping: object, place: _Place) -> Config:
    content = _mapping(mapping, place)
    fields = {field.name: field for field in dataclasses.fields(config_class) if field.init}
    unread = sorted((key for key in content if key not in fields), key=str)
    _check_unread(config_class, unread, fields, place)
    hints = get_type_hints(config_class, include_extras=True)
    values = {}
    for name, field in fields.items():
        if name in content:
            values[name] = _convert(hints[name], content[name], place.inner(name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            meant = _meant(name, unread, '; is it meant by')
            raise place.inner(name).fault(f'is missing{meant or f"; give {_wanted(hints[name])}"}')
    try:
        return config_class(**values)
    except (ParlError, ValueError) as error:
        where = filter(None, (place.file, place.key, str(error)))
        raise ConfigError(': '.join(where)) from error


def _check_unread(
    config_class: type, unread: Iterable[object], known: Collection[str], place: _Place
) -> None:
    others: Collection[str] | None = ()
    if issubclass(config_class, SharedSection):
        others = config_class.OTHERS
    for key in unread:
        if others is not None and key not in others:
            names = sorted({*known, *others})
            meant = _meant(key, names, '; did you mean')
            raise place.inner(key).fault(f'is unknown; known are {", ".join(names)}{meant}')


def _meant(key: object, names: Iterable[object], question: str) -> str:
    near = difflib.get_close_matches(str(key), [str(name) for name in names], n=1)
    return f'{question} {near[0]!r}?' if near else ''


def _mapping(value: object, place: _Place) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise place.wrong(value, _wanted(dict))
    return value


def _convert(hint: Any, value: object, place: _Place) -> Any:  # noqa: ANN401
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _convert_only(parts[0], parts[1:], value, place)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in parts:
            return None
        return _convert_one_of([part for part in parts if part is not type(None)], value, place)
    if origin is Literal:
        if value not in parts:
            raise place.wrong(value, _wanted(hint) + _meant(value, parts, '; did you mean'))
        return value
    if origin is tuple:
        return _convert_list(hint, value, place)
    if origin is Named:
        return _convert_named(parts[0], value, place)
    if origin is Mapping:
        return _convert_mapping(parts[1], value, place)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(_convert(Literal[tuple(map(str, hint))], value, place))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _build(hint, value, place)
    return _convert_plain(hint, value, place)


def _convert_only(hint: object, extras: Iterable[object], value: object, place: _Place) -> object:
    converted = _convert(hint, value, place)
    for extra in extras:
        if isinstance(extra, Only) and not extra.is_right(converted):
            raise place.wrong(value, extra.words)
    return converted


def _convert_one_of(kinds: list[Any], value: object, place: _Place) -> object:
    """Convert to the only kind, or to the dataclass whose Literal the value names."""
    if len(kinds) == 1:
        return _convert(kinds[0], value, place)
    if not all(dataclasses.is_dataclass(kind) for kind in kinds):
        return value
    hints = [get_type_hints(kind) for kind in kinds]
    tag = next(name for name, hint in hints[0].items() if get_origin(hint) is Literal)
    classes = {get_args(hint[tag])[0]: kind for hint, kind in zip(hints, kinds, strict=True)}
    content, words = _mapping(value, place), Literal[tuple(classes)]
    if tag not in content:
        raise place.inner(tag).fault(f'is missing; give {_wanted(words)}')
    return _build(classes[_convert(words, content[tag], place.inner(tag))], value, place)


def _convert_list(hint: object, value: object, place: _Place) -> tuple[object, ...]:
    parts = get_args(hint)
    if not isinstance(value, list | tuple):
        raise place.wrong(value, _wanted(hint))
    if parts[-1] is Ellipsis:
        parts = parts[:1] * len(value)
    if len(value) != len(parts):
        raise place.wrong(value, _wanted(hint))
    pairs = enumerate(zip(parts, value, strict=True))
    return tuple(_convert(part, item, place.entry(index)) for index, (part, item) in pairs)


def _convert_mapping(hint: object, value: object, place: _Place) -> Mapping[Any, object]:
    """Convert the values; Any takes them without a check."""
    content = _mapping(value, place)
    if hint is Any:
        return content
    return {key: _convert(hint, item, place.inner(key)) for key, item in content.items()}


def _convert_named(hint: object, value: object, place: _Place) -> Named[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise place.wrong(value, _wanted(Named[Any]))
    found: Named[Any] = Named()
    for index, item in enumerate(value):
        entry = place.entry(index)
        content = _mapping(item, entry)
        if 'name' not in content:
            raise entry.inner('name').fault(f'is missing; give {_wanted(Text)}')
        name = _convert(Text, content['name'], entry.inner('name'))
        if name in found:
            raise place.fault(f'has {name!r} twice; give each its own name')
        found[name] = _convert(hint, content, place.inner(name))
    return found


def _convert_plain(hint: Any, value: object, place: _Place) -> object:  # noqa: ANN401
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) <= sys.float_info.max:
            return float(value)
    elif hint not in _WORDS or type(value) is hint:
        return value
    raise place.wrong(value, _wanted(hint) + _remedy(hint, value))


def _remedy(hint: object, value: object) -> str:
    """Say how to write a value that is nearly right."""
    if hint is str and isinstance(value, int | float):
        return f", as '{value}'"
    if hint is int and isinstance(value, float) and value.is_integer():
        return f', as {int(value)}'
    if hint in (int, float) and isinstance(value, str) and _NUMBER.fullmatch(value):
        return ', without quotes'
    return ''


def _wanted(hint: Any) -> str:  # noqa: ANN401
    """Say what to give for a declared type."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return next((part.words for part in parts if isinstance(part, Only)), _wanted(parts[0]))
    if origin is Literal:
        return f'one of {", ".join(map(str, parts))}'
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return f'one of {", ".join(hint)}'
    if origin is Named:
        return 'a list of at least one entry'
    if origin is tuple and parts[-1] is Ellipsis:
        return 'a list'
    if origin is tuple:
        return f'a list of {len(parts)} {"numbers" if {*parts} <= {int, float} else "entries"}'
    return _WORDS.get(hint, 'a mapping of keys to values')
