# SPDX-License-Identifier: Apache-2.0
"""One version number: CITATION.cff has it, and whatever else states one states the same."""

import importlib.util
from pathlib import Path
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = [
    path.parent
    for folder in ('ros2_ws/src', 'sim')
    for path in sorted((ROOT / folder).glob('*/package.xml'))
]


def load_script():
    specification = importlib.util.spec_from_file_location(
        'set_version', ROOT / 'environment/set_version.py'
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


script = load_script()


def citation(root=ROOT):
    return yaml.safe_load((root / 'CITATION.cff').read_text(encoding='utf-8'))


@pytest.fixture
def tree(tmp_path):
    """A copy of the files that state a version, and of the changelog."""
    for path in [*script.stated_versions(ROOT), ROOT / script.CHANGELOG]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def test_all_places_state_the_version_of_the_citation():
    stated = script.stated_versions(ROOT)
    assert {path.parent for path in stated if path.name == 'package.xml'} == set(PACKAGES)
    for path, versions in stated.items():
        assert set(versions) == {citation()['version']}, path


def test_the_newest_release_in_the_changelog_is_this_version():
    changes = (ROOT / script.CHANGELOG).read_text(encoding='utf-8')
    assert changes.count(script.UNRELEASED) == 1
    assert script.released_versions(changes)[:1] in ([], [citation()['version']])


@pytest.mark.parametrize(
    'package', [path for path in PACKAGES if (path / 'setup.py').exists()], ids=lambda p: p.name
)
def test_setup_reads_the_version_of_its_package(package):
    done = subprocess.run(
        [sys.executable, 'setup.py', '--version'],
        cwd=package,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    version = ElementTree.parse(package / 'package.xml').findtext('version')
    assert done.stdout.splitlines()[-1] == version
    assert not re.search(r'\d+\.\d+\.\d+', (package / 'setup.py').read_text(encoding='utf-8'))


def test_a_new_version_changes_each_place_and_nothing_else(tree):
    texts = {path: path.read_text(encoding='utf-8') for path in script.stated_versions(tree)}
    old = citation()['version']
    script.set_version(tree, '12.0.3', '2030-01-02')
    assert citation(tree)['version'] == '12.0.3'
    for path, versions in script.stated_versions(tree).items():
        assert set(versions) == {'12.0.3'}, path
        before, after = texts[path].splitlines(), path.read_text(encoding='utf-8').splitlines()
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        assert len(changed) == len(versions)
        assert all(a.replace(old, '12.0.3') == b for a, b in changed)


def test_a_new_version_takes_over_what_was_unreleased(tree):
    before = (tree / script.CHANGELOG).read_text(encoding='utf-8')
    script.set_version(tree, '12.0.3', '2030-01-02')
    after = (tree / script.CHANGELOG).read_text(encoding='utf-8')
    assert after.replace('\n## [12.0.3] - 2030-01-02\n', '', 1) == before
    assert after.index(script.UNRELEASED) < after.index('## [12.0.3]')
    assert script.released_versions(after)[0] == '12.0.3'


@pytest.mark.parametrize('version', ['12.0.3', '9.9.9', '12.0', 'v13.0.0', ''])
def test_a_version_that_is_none_or_not_later_is_refused_and_nothing_written(tree, version):
    script.set_version(tree, '12.0.3', '2030-01-02')
    before = script.stated_versions(tree), (tree / script.CHANGELOG).read_text(encoding='utf-8')
    with pytest.raises(ValueError, match=r'choose a later one|write one like'):
        script.set_version(tree, version, '2030-01-03')
    after = script.stated_versions(tree), (tree / script.CHANGELOG).read_text(encoding='utf-8')
    assert after == before


def test_the_citation_has_what_its_format_asks_for():
    """https://github.com/citation-file-format/citation-file-format, version 1.2.0."""
    found = citation()
    assert found['cff-version'] == '1.2.0'
    assert {'message', 'title', 'authors', 'abstract'} <= set(found)
    assert (found['type'], found['license']) == ('software', 'Apache-2.0')
    (paper,) = found['references']
    assert {'type', 'title', 'authors'} <= set(paper)
    for person in paper['authors']:
        assert set(person) == {'given-names', 'family-names'}
