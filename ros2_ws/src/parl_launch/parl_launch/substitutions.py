# SPDX-License-Identifier: Apache-2.0
"""Resolves the `$(...)` substitutions of ROS 2 launch files that PARL's launch files use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
import re

from parl_files.error import ParlError

INNERMOST = re.compile(r'\$\(([^()$]*)\)')
WORD = re.compile(r"""'([^']*)'|"([^"]*)"|(\S+)""")


class SubstitutionError(ParlError):
    """A substitution cannot be resolved; the message names it and what is possible."""


@dataclass(frozen=True, kw_only=True)
class SubstitutionContext:
    """The names that a substitution may use at one place of a launch file."""

    variables: Mapping[str, str]
    """Launch arguments and `let` variables by name."""
    environment: Mapping[str, str]
    """Environment variables by name."""
    folder: Path
    """Folder of the launch file being read."""
    find_package_share: Callable[[str], Path]
    """Returns the share folder of a package; raises LookupError if there is none."""


def substitute(text: str, context: SubstitutionContext) -> str:
    """Resolve every `$(var x)`, `$(env X [default])`, `$(find-pkg-share p)` and `$(dirname)`.

    Inner substitutions are resolved first, so one may stand inside another.

    Raises:
        SubstitutionError: The kind is unknown, or a name is not defined.
    """
    while (match := INNERMOST.search(text)) is not None:
        text = text[: match.start()] + _resolve(match, context) + text[match.end() :]
    if '$(' in text:
        raise SubstitutionError(f'{text!r} opens a substitution and does not close it; add a )')
    return text


def _resolve(match: re.Match[str], context: SubstitutionContext) -> str:
    words = [''.join(groups) for groups in WORD.findall(match[1])]
    match words:
        case ['var', name]:
            return _variable(name, context.variables)
        case ['env', name]:
            if name not in context.environment:
                raise SubstitutionError(
                    f'{match[0]}: the environment variable {name} is not set; '
                    f'set it or give a default: $(env {name} <default>)'
                )
            return context.environment[name]
        case ['env', name, default]:
            return context.environment.get(name, default)
        case ['find-pkg-share', package]:
            return _share(package, context)
        case ['dirname']:
            return str(context.folder)
    raise SubstitutionError(
        f'{match[0]} is not supported; known are $(var x), $(env X [default]), '
        '$(find-pkg-share package) and $(dirname)'
    )


def _variable(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        known = ', '.join(sorted(variables)) or 'none'
        raise SubstitutionError(f'$(var {name}): no such argument or variable; known: {known}')
    return variables[name]


def _share(package: str, context: SubstitutionContext) -> str:
    try:
        return str(context.find_package_share(package))
    except LookupError as error:
        raise SubstitutionError(
            f'$(find-pkg-share {package}): the package is not installed; build the workspace '
            'and source its install/setup.bash'
        ) from error
