# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass

import pytest

from parl_files.config_file import ConfigError, Named, Positive, SharedSection
from parl_files.task_file import read_task, Vector3


@dataclass(frozen=True, kw_only=True)
class Start:
    position: Vector3


@dataclass(frozen=True, kw_only=True)
class Thing:
    name: str
    fixed: bool


@dataclass(frozen=True, kw_only=True)
class Sections(SharedSection):
    rate: Positive
    start: Start
    objects: Named[Thing]


TASK = 'rate: 5  # Gerät\nstart: {position: [1, 2.5, -3]}\nobjects: [{name: cup, fixed: false}]\n'


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'task.yaml'


def test_a_reader_takes_its_sections_and_leaves_the_rest_to_others(path):
    path.write_text(TASK + 'horizon: 60\n', encoding='utf-8')
    task = read_task(Sections, path)
    assert task == read_task(Sections, str(path))
    assert task.start.position == (1.0, 2.5, -3.0)
    assert task.objects == {'cup': Thing(name='cup', fixed=False)}


@pytest.mark.parametrize(
    ('old', 'new', 'words'),
    [
        ('rate: 5', 'rate: 0', 'rate is 0; give a number above 0'),
        ('rate: 5', 'rat: 5', "rate is missing; is it meant by 'rat'?"),
        (' {pos', ' {spos', 'start.sposition is unknown; known are position; did you mean'),
        ('-3]', '-3, 4]', 'start.position is [1, 2.5, -3, 4]; give a list of 3 numbers'),
        ('false', 'no', 'line 3: no can be read in two ways; write true or false'),
    ],
)
def test_what_is_wrong_is_named_with_the_file(path, old, new, words):
    path.write_text(TASK.replace(old, new), encoding='utf-8')
    with pytest.raises(ConfigError) as error:
        read_task(Sections, path)
    assert str(error.value).startswith(f'{path}: {words}')


def test_a_parameter_that_names_no_file_is_refused():
    with pytest.raises(ConfigError, match=r'^parameter task_file is empty; give the path of'):
        read_task(Sections, '')
