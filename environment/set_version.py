# SPDX-License-Identifier: Apache-2.0
"""Writes PARL's version number wherever it stands, and opens its section of the changelog.

    python3 environment/set_version.py 0.2.0

CITATION.cff is asked which version this is. package.xml (each setup.py reads its own) and the tags
of the Docker images repeat it.
"""

from datetime import datetime, UTC
from pathlib import Path
import re
import sys

ROOT = Path(__file__).parents[1]
PLACES = {
    'CITATION.cff': r'(?m)^(version: )(.+)$',
    'docker/compose.yaml': r'(image: parl-[\w-]+:)(\S+)',
    'ros2_ws/src/*/package.xml': r'(<version>)(.+)(?=</version>)',
    'sim/*/package.xml': r'(<version>)(.+)(?=</version>)',
}
"""Files and, in each of them, what stands before the version and the version."""
CHANGELOG = 'CHANGELOG.md'
UNRELEASED = '## [Unreleased]\n'


def stated_versions(root: Path) -> dict[Path, list[str]]:
    """Return the versions that each file of PLACES below `root` states."""
    return {
        path: [version for _, version in re.findall(pattern, path.read_text(encoding='utf-8'))]
        for place, pattern in PLACES.items()
        for path in sorted(root.glob(place))
    }


def set_version(root: Path, version: str, day: str) -> list[Path]:
    """Write a version into all files of PLACES, and name Unreleased after it in the changelog.

    Args:
        root: Of the repository.
        version: Three numbers, later than all versions that are released.
        day: Of the release, YYYY-MM-DD.

    Returns:
        The files written.

    Raises:
        ValueError: The version is none, or is released already; nothing is written then.
    """
    if not re.fullmatch(r'\d+\.\d+\.\d+', version):
        raise ValueError(f'a version is three numbers, found {version!r}; write one like 0.2.0')
    changes = (root / CHANGELOG).read_text(encoding='utf-8')
    released = released_versions(changes)
    if released and numbers(version) <= max(map(numbers, released)):
        raise ValueError(f'version {version} is not later than {released[0]}; choose a later one')
    texts = {
        root / CHANGELOG: changes.replace(UNRELEASED, f'{UNRELEASED}\n## [{version}] - {day}\n')
    }
    for place, pattern in PLACES.items():
        for path in sorted(root.glob(place)):
            texts[path] = re.sub(pattern, rf'\g<1>{version}', path.read_text(encoding='utf-8'))
    for path, text in texts.items():
        path.write_text(text, encoding='utf-8')
    return list(texts)


def released_versions(changes: str) -> list[str]:
    """Return the versions that a changelog has a section of, newest first."""
    return re.findall(r'(?m)^## \[(\d+\.\d+\.\d+)\]', changes)


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, by which versions are ordered."""
    return tuple(int(part) for part in version.split('.'))


def main() -> None:
    """Set the version that the command line gives."""
    if len(sys.argv) != 2:
        sys.exit('usage: python3 environment/set_version.py 0.2.0')
    try:
        written = set_version(ROOT, sys.argv[1], datetime.now(UTC).date().isoformat())
    except ValueError as error:
        sys.exit(f'set_version: {error}')
    print('\n'.join(str(path.relative_to(ROOT)) for path in written))


if __name__ == '__main__':
    main()
