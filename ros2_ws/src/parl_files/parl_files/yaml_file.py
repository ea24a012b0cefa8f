# SPDX-License-Identifier: Apache-2.0
"""Reads YAML as people mean it, and refuses what YAML 1.1 would read as something else."""

from collections.abc import Hashable
from pathlib import Path
import re
from typing import Any, NoReturn

import yaml

from parl_files.config_file import ConfigError

_NULL = r'~|null|Null|NULL|'
_TRUTH = r'true|True|TRUE|false|False|FALSE'
_WHOLE = r'[-+]?(0|[1-9][0-9]*|[1-9][0-9]{0,2}(_[0-9]{3})+)'
_NUMBER = r'[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?'
_NOT_FINITE = r'[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)'
_OCTAL = r'[-+]?0[0-9_]+'
_SWITCH = r'yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF'
_ODD_NUMBER = (
    r'[-+]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+'
    r'|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?'
    r'|([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9_]+)?)'
)
_REFUSED = 'tag:parl,2026:refused'
_TAGS = (
    ('tag:yaml.org,2002:merge', '<<'),
    ('tag:yaml.org,2002:null', _NULL),
    ('tag:yaml.org,2002:bool', _TRUTH),
    ('tag:yaml.org,2002:int', _WHOLE),
    (_REFUSED, f'{_SWITCH}|{_OCTAL}'),
    ('tag:yaml.org,2002:float', f'{_NUMBER}|{_NOT_FINITE}'),
    (_REFUSED, _ODD_NUMBER),
)
"""Type of a text without quotes: the first pattern that matches decides, the rest are texts."""


class _Loader(yaml.SafeLoader):
    """A loader that knows the values of `_TAGS`, lists, mappings, and the merge key `<<`."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401
        """Refuse a key that stands twice; PyYAML would silently take the last one."""
        node = super().compose_mapping_node(anchor)
        lines: dict[object, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _fault(key, 'a key is not a plain text; is a quote or a space missing?')
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                raise _fault(
                    key,
                    f'key {key.value!r} stands twice, in line {lines[name]} and here; keep one',
                )
            lines[name] = line
        return node


def _fault(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, object]:
    return loader.construct_mapping(node, deep=True)


def _sequence(loader: _Loader, node: yaml.SequenceNode) -> list[object]:
    return loader.construct_sequence(node, deep=True)


def _truth(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return _text(loader, node, _TRUTH).lower() == 'true'


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = _text(loader, node, _WHOLE)
    try:
        return int(text)
    except ValueError as error:  # more digits than Python reads
        raise _fault(node, f'a number of {len(text)} digits; give fewer') from error


def _number(loader: _Loader, node: yaml.ScalarNode) -> float:
    text = _text(loader, node, f'{_NUMBER}|{_NOT_FINITE}')
    return float(text.replace('.', '') if re.fullmatch(_NOT_FINITE, text) else text)


def _text(loader: _Loader, node: yaml.ScalarNode, pattern: str) -> str:
    text: str = loader.construct_scalar(node)
    if re.fullmatch(pattern, text):
        return text
    return _refuse(loader, node)


def _refuse(loader: _Loader, node: yaml.ScalarNode) -> NoReturn:
    text = loader.construct_scalar(node)
    remedy = 'true or false' if re.fullmatch(_SWITCH, text) else 'a number in decimal'
    raise _fault(node, f"{text} can be read in two ways; write {remedy}, or '{text}' for a text")


# SafeLoader's own resolvers would read base 60, octal numbers and dates.
_Loader.yaml_implicit_resolvers = {
    None: [(tag, re.compile(f'(?:{pattern})\\Z')) for tag, pattern in _TAGS]
}
_Loader.yaml_constructors = {
    None: yaml.SafeLoader.construct_undefined,
    'tag:yaml.org,2002:null': yaml.SafeLoader.construct_yaml_null,
    'tag:yaml.org,2002:str': yaml.SafeLoader.construct_yaml_str,
    'tag:yaml.org,2002:map': _mapping,
    'tag:yaml.org,2002:seq': _sequence,
    'tag:yaml.org,2002:bool': _truth,
    'tag:yaml.org,2002:int': _whole_number,
    'tag:yaml.org,2002:float': _number,
    _REFUSED: _refuse,
}


def parse_yaml(text: str, where: str) -> object:
    """Read one YAML document.

    The meaning of 1e-3, .5 and 1_000 is clear, so they are read as numbers. What only YAML 1.1
    reads as a number or a truth value (060, 1:30, yes, off) is refused. A key that stands twice in
    a mapping is refused too.

    Args:
        text: The document.
        where: The file, for the error message.

    Raises:
        ConfigError: The text is refused; the message names file, line and remedy.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f'line {mark.line + 1}: ' if mark else ''
        problem = '; '.join(filter(None, (error.problem, error.context)))
        raise ConfigError(f'{where}: {line}{problem}') from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = ' '.join(str(error).split())
        raise ConfigError(f'{where}: cannot be read as YAML: {reason}') from error


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        ConfigError: The file is missing, unreadable, not YAML (see `parse_yaml`), or does not
            hold a mapping.
    """
    try:
        text = path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise ConfigError(f'{path}: cannot be read: {error}; save it as UTF-8') from error
    except OSError as error:
        raise ConfigError(
            f'{path}: cannot be read: {error.strerror}; give the path of a readable YAML file'
        ) from error
    content = parse_yaml(text, str(path))
    if not isinstance(content, dict):
        found = 'nothing' if content is None else f'a {type(content).__name__}'
        raise ConfigError(f'{path}: holds {found}; give keys and values, as `key: value`')
    return content
