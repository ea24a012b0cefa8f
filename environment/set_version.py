# SPDX-License-Identifier: Apache-2.0
"""Writes PARL's version number to all its places, and opens its section of the changelog.

    python3 environment/set_version.py 0.2.0

The version is read from CITATION.cff. Every package.xml (read by the setup.py beside it) and the
tags of the Docker images repeat it.
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
"""Files, each with a pattern of two groups: the text before the version, and the version."""
CHANGELOG = 'CHANGELOG.md'
UNRELEASED = '## [Unreleased]\n'


def stated_versions(root: Path) -> dict[Path, list[str]]:
    """Return the versions written in each file of PLACES below `root`."""
    return {
        path: [version for _, version in re.findall(pattern, path.read_text(encoding='utf-8'))]
        for place, pattern in PLACES.items()
        for path in sorted(root.glob(place))
    }


def set_version(root: Path, version: str, day: str) -> list[Path]:
    """Write a version into all files of PLACES, and make the changelog's Unreleased this version.

    Args:
        root: Root of the repository.
        version: Three numbers; later than all released versions.
        day: Day of the release, YYYY-MM-DD.

    Returns:
        The files written.

    Raises:
        ValueError: The version has another form, or is not later; then nothing is written.
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
    """Return the versions that have a section in a changelog, newest first."""
    return re.findall(r'(?m)^## \[(\d+\.\d+\.\d+)\]', changes)


def numbers(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version, by which versions are ordered."""
    return tuple(int(part) for part in version.split('.'))


def main() -> None:
    """Set the version given on the command line."""
    if len(sys.argv) != 2:
        sys.exit('usage: python3 environment/set_version.py 0.2.0')
    try:
        written = set_version(ROOT, sys.argv[1], datetime.now(UTC).date().isoformat())
    except ValueError as error:
        sys.exit(f'set_version: {error}')
    print('\n'.join(str(path.relative_to(ROOT)) for path in written))


if __name__ == '__main__':
    main()
