# SPDX-License-Identifier: Apache-2.0
"""What the pages name is there: links, files, folders, programs; the first page stays short.

A path is named in backticks and may begin at any folder of the repository: its root, a package,
or `config/tasks/`.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
import re

from PIL import Image
import pytest

ROOT = Path(__file__).parents[1]
NOT_KEPT = {
    ROOT / name
    for name in (
        '.git', '.venv', 'report', 'ros2_ws/build', 'ros2_ws/install', 'ros2_ws/log', 'runs',
        'shared',
    )
}  # fmt: skip
"""Folders of what was built or written by runs."""
PAGES = ('*.md', 'docs/*.md', 'bench/results/*.md', 'ros2_ws/src/*/README.md', 'sim/*/README.md')
NOT_OURS = {
    'modeling_diffusion.py': 'LeRobot',
    'report/report.md': 'the demo writes it',
    'xsarm_control.launch.py': 'the vendor of the arm',
}
"""Files that pages name and that are not part of the repository, and whose they are."""
ANY_PACKAGE = re.compile(r'(?:ros2_ws/src/)?(?:p|package)/')
"""Begins a path in which `p` or `package` stands for one."""

LINK = re.compile(r'\]\(([^)\s]+)\)')
CODE = re.compile(r'`([^`\n]+)`')
PATH = re.compile(
    r'(?:[\w.*-]+/)+[\w.*-]+\.(?:md|py|sh|urdf|xml|yaml)'  # a file in a folder
    r'|[\w*-][\w.*-]*\.py'  # a module by its name alone
    r'|(?:[\w-]+/){2,}'  # a folder in a folder
)
RUN = re.compile(r'\bpython3? (?:-m )?([\w./-]+)')


def files_below(folder: Path) -> Iterator[str]:
    """Paths of all files from the root of the repository, which is `/`."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path not in NOT_KEPT and path.name != 'build':
                yield from files_below(path)
        else:
            yield f'/{path.relative_to(ROOT)}'


FILES = sorted(files_below(ROOT))
PACKAGES = {name.split('/')[-2] for name in FILES if name.endswith('/package.xml')}


def pages():
    return [
        pytest.param(path, id=str(path.relative_to(ROOT)))
        for pattern in PAGES
        for path in sorted(ROOT.glob(pattern))
    ]


def is_there(name: str) -> bool:
    """Whether a path, perhaps with *, is the whole or the end of a file's or folder's path."""
    pattern = f'*/{name}*' if name.endswith('/') else f'*/{name}'
    return any(fnmatchcase(file, pattern) for file in FILES)


def missing_links(page: Path) -> set[str]:
    links = {link.partition('#')[0] for link in LINK.findall(page.read_text(encoding='utf-8'))}
    return {link for link in links if '://' not in link and not (page.parent / link).exists()}


def missing_paths(text: str) -> set[str]:
    words = {word for code in CODE.findall(text) for word in code.split()}
    named = {word.removeprefix('./') for word in words if PATH.fullmatch(word.removeprefix('./'))}
    ours = {name for name in named if name not in NOT_OURS and not ANY_PACKAGE.match(name)}
    return {name for name in ours if not is_there(name)}


def missing_programs(text: str) -> set[str]:
    missing = set()
    for name in (found.rstrip('.') for found in RUN.findall(text)):
        module = name.replace('.', '/')
        if '/' in name and name.endswith('.py'):
            missing |= set() if name.startswith('/') or is_there(name) else {name}
        elif name.partition('.')[0] in PACKAGES and not is_there(f'{module}.py'):
            missing.add(name)
    return missing


@pytest.mark.parametrize('page', pages())
def test_links_lead_somewhere(page):
    assert not missing_links(page)


@pytest.mark.parametrize('page', pages())
def test_named_files_are_there(page):
    assert not missing_paths(page.read_text(encoding='utf-8'))


@pytest.mark.parametrize('page', pages())
def test_named_programs_are_there(page):
    assert not missing_programs(page.read_text(encoding='utf-8'))


def test_every_page_is_in_the_index():
    index = (ROOT / 'docs/README.md').read_text(encoding='utf-8')
    names = {page.name for page in (ROOT / 'docs').glob('*.md')} - {'README.md'}
    assert {name for name in names if f']({name})' not in index} == set()


def test_the_readme_is_read_in_five_minutes():
    assert len((ROOT / 'README.md').read_text(encoding='utf-8').split()) <= 900


def test_the_picture_of_before_and_after_moves_and_is_small():
    path = ROOT / 'docs/before_and_after.webp'
    assert path.stat().st_size < 3_000_000
    with Image.open(path) as picture:
        assert picture.n_frames > 20


def test_a_link_that_leads_nowhere_is_missed(tmp_path):
    (tmp_path / 'there.md').touch()
    page = tmp_path / 'page.md'
    page.write_text('[a](there.md#b) [c](https://x.org/d) [e](#f) [g](gone.md)', encoding='utf-8')
    assert missing_links(page) == {'gone.md'}


@pytest.mark.parametrize(
    ('text', 'missing'),
    [
        ('`parl_policy/policy.py` `policy.py` `parl_policy/policies/*.py`', set()),
        ('`test/test_docs.py` `./conftest.py` `config/tasks/cup_to_rack.yaml`', set()),
        ('`wx250s/left_finger` `data.yaml` `np.array` `1.5/2.py.x` gone/from.py', set()),
        ('`parl_policy/gone.py`', {'parl_policy/gone.py'}),
        ('`gone.py x`, `docs/gone.md`', {'gone.py', 'docs/gone.md'}),
        ('`parl_policy/acting/`, `parl_policy/gone/`, `acting/`', {'parl_policy/gone/'}),
        # A module that moved into a folder is not where it was.
        ('`parl_policy/diffusion.py`', {'parl_policy/diffusion.py'}),
        ('`parl_policy/ros/gone_*.py`', {'parl_policy/ros/gone_*.py'}),
        ('`licy.py`', {'licy.py'}),
    ],
)
def test_a_file_that_is_not_there_is_missed(text, missing):
    assert missing_paths(text) == missing


def test_a_program_that_is_not_there_is_missed():
    text = 'python3 -m parl_policy.ros.play_node, python -m pytest. python bench/driver_fuzz.py.'
    assert missing_programs(text) == set()
    text = 'python3 -m parl_policy.play_node. Or python bench/gone.py.'
    assert missing_programs(text) == {'parl_policy.play_node', 'bench/gone.py'}
