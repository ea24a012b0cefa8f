# SPDX-License-Identifier: Apache-2.0
"""What a reader follows on the pages leads somewhere, and the first page stays short."""

from pathlib import Path
import re

from PIL import Image
import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        ROOT / 'README.md',
        *(ROOT / 'docs').glob('*.md'),
        *(ROOT / 'bench').rglob('*.md'),
        *(ROOT / 'ros2_ws/src').glob('*/README.md'),
        *(ROOT / 'sim').glob('*/README.md'),
    ]
)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_there(page):
    links = re.findall(r'\]\(([^)\s]+)\)', page.read_text(encoding='utf-8'))
    local = [link.partition('#')[0] for link in links if '://' not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


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
