# SPDX-License-Identifier: Apache-2.0
"""What the goals of the Makefile run."""

import os
from pathlib import Path
import re
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
        (['PIXELS=1'], ROOT / 'report_pictures'),
    ],
)
def test_the_report_folder_is_one_absolute_path(tmp_path, given, expected):
    done = made(stand_ins(tmp_path, 'python3'), 'demo', *given)
    assert done.stdout.splitlines()[-1] == f'report_folder:={expected}'


def test_the_demo_from_pictures_runs_an_experiment_that_is_there(tmp_path):
    words = made(stand_ins(tmp_path, 'python3'), 'demo', 'PIXELS=1').stdout.splitlines()
    (experiment,) = [word for word in words if word.startswith('experiment:=')]
    assert Path(experiment.removeprefix('experiment:=')).is_file()
    assert not any('experiment:=' in word for word in made(tmp_path, 'demo').stdout.splitlines())


def stand_ins(folder, *names, failing=()):
    """Programs that say how they were called, a word a line, and fail if they shall."""
    for name in names:
        program = folder / name
        program.write_text(
            f'#!/bin/bash\nprintf "%s\\n" {name} "$@"\nexit {int(name in failing)}\n'
        )
        program.chmod(0o755)
    return folder


def made(programs, *words):
    """Run make; nothing is set up or activated, and the programs stand before all others."""
    activate = f'ACTIVATE=export PATH="{programs}:$$PATH"'
    # The options of a make that runs the tests are not meant for this one.
    environment = {key: value for key, value in os.environ.items() if not key.startswith('MAKE')}
    return subprocess.run(
        ['make', '-s', '-o', 'set_up', activate, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_tests_come_after_lint_and_types(tmp_path):
    done = made(stand_ins(tmp_path, 'ruff', 'mypy', 'python3'), 'test')
    called = ' '.join(done.stdout.split())
    assert re.fullmatch(
        r'ruff check .* ruff format --check .* mypy python3 -m pytest -n 3 --dist loadfile', called
    )
    assert done.returncode == 0


@pytest.mark.parametrize('tool', ['ruff', 'mypy', 'python3'])
def test_what_lint_types_or_tests_refuse_fails(tmp_path, tool):
    programs = stand_ins(tmp_path, 'ruff', 'mypy', 'python3', failing={tool})
    assert made(programs, 'test').returncode != 0


def test_what_every_change_must_pass_is_the_readmes_test_command():
    *_, last = (ROOT / '.ci/run').read_text(encoding='utf-8').splitlines()
    assert last == 'exec make test'
    assert 'make test' in (ROOT / 'README.md').read_text(encoding='utf-8')


def test_make_alone_lists_every_goal(tmp_path):
    text = (ROOT / 'Makefile').read_text(encoding='utf-8')
    (goals,) = re.findall(r'^\.PHONY: (.*)$', text, re.MULTILINE)
    listed = made(tmp_path).stdout
    assert [line.split()[0] for line in listed.splitlines()] == goals.split()
    assert made(tmp_path, 'help').stdout == listed
