# SPDX-License-Identifier: Apache-2.0
"""What `make demo` makes of REPORT."""

from pathlib import Path
import subprocess

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ([], ROOT / 'report'),
        (['REPORT='], ROOT / 'report'),
        (['REPORT=a/../my folder'], ROOT / 'my folder'),
        (['REPORT=/tmp/it is new'], Path('/tmp/it is new')),
        (['REPORT=-r'], ROOT / '-r'),
    ],
)
def test_the_report_folder_is_one_absolute_path(tmp_path, given, expected):
    program = tmp_path / 'python3'
    program.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    # Nothing is set up or activated: a program of that name says what it was called with.
    words = ['make', '-s', '-o', 'set_up', 'demo', f'ACTIVATE=export PATH="{tmp_path}:$$PATH"']
    done = subprocess.run(
        [*words, *given], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.splitlines()[-1] == f'report_folder:={expected}'
