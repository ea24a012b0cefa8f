# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
import math

import pytest

from parl_files.task_file import load_task_file, Section, TaskFileError, Vector3


@dataclass(frozen=True, kw_only=True)
class Colour:
    hue: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Cup:
    name: str
    colour: Colour
    radius: float
    is_fixed: bool

    def __post_init__(self):
        if self.radius <= 0.0:
            raise ValueError(f'radius is {self.radius}: give more than 0 m')


CUP = {'name': 'cup', 'colour': {'hue': [100, 125]}, 'radius': 0.02, 'is_fixed': False}


def read(kind, value):
    start = Section({'start': {'key': value}}, 't.yaml').section('start')
    return start.vector('key') if kind is Vector3 else start.value(kind, 'key')


@pytest.mark.parametrize(
    ('kind', 'value', 'expected'),
    [
        (float, 2, 2.0),
        (int, 3.0, 3),
        (bool, False, False),
        (str, 'cup', 'cup'),
        (Vector3, [1, 2.5, -3], (1.0, 2.5, -3.0)),
        (list[tuple[float, float]], [[1, 2], [3, 4.5]], [(1.0, 2.0), (3.0, 4.5)]),
        (Colour, {'hue': [0, 10]}, Colour(hue=(0, 10))),
    ],
)
def test_a_value_becomes_its_kind(kind, value, expected):
    found = read(kind, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ('kind', 'value', 'words'),
    [
        (float, 'up', "start.key is 'up'; give a finite number"),
        (float, True, 'start.key is True; give a finite number'),
        (float, None, 'start.key is None; give a finite number'),
        (float, math.nan, 'start.key is nan; give a finite number'),
        (float, -math.inf, 'start.key is -inf; give a finite number'),
        (float, 10**400, f'start.key is {10**400}; give a finite number'),
        (int, 3.5, 'start.key is 3.5; give a whole number'),
        (int, math.nan, 'start.key is nan; give a whole number'),
        (int, False, 'start.key is False; give a whole number'),
        (bool, 'yes please', "start.key is 'yes please'; give true or false"),
        (bool, 1, 'start.key is 1; give true or false'),
        (str, '', "start.key is ''; give a text"),
        (str, 5, 'start.key is 5; give a text'),
        (dict, 3, 'start.key is 3; give a mapping of keys to values'),
        (Colour, [1], 'start.key is [1]; give a mapping of keys to values'),
        (Vector3, [1, 2], 'start.key is [1, 2]; give a list of 3 numbers'),
        (Vector3, 7, 'start.key is 7; give a list of 3 numbers'),
        (Vector3, [1, 2, 'up'], "start.key[2] is 'up'; give a finite number"),
        (list[float], [], 'start.key is []; give a list of at least one entry'),
        (list[tuple[float, float]], [[1, 2], 3], 'start.key[1] is 3; give a list of 2 numbers'),
    ],
)
def test_a_value_of_another_kind_is_named_with_file_key_and_remedy(kind, value, words):
    with pytest.raises(TaskFileError) as error:
        read(kind, value)
    assert str(error.value) == f't.yaml: {words}'


def test_numbers_have_bounds():
    task = Section({'rate': 5, 'off': 0, 'high': 101, 'wide': 'wide'}, 't.yaml')
    assert task.positive('rate') == task.number('rate', 5.0, 100.0) == 5.0
    with pytest.raises(TaskFileError, match=r'^t.yaml: off is 0; give a number above 0$'):
        task.positive('off')
    with pytest.raises(TaskFileError, match=r'^t.yaml: high is 101; give a number in 0.1..100$'):
        task.number('high', 0.1, 100.0)
    with pytest.raises(TaskFileError, match=r"^t.yaml: wide is 'wide'; give a number in 0..1$"):
        task.number('wide', 0.0, 1.0)


def test_missing_and_unknown_keys_are_named():
    start = Section({'start': {'position': 1, 'colour': 2, 3: 4}}, 't.yaml').section('start')
    with pytest.raises(TaskFileError, match=r'^t.yaml: start.grip is missing; see config/tasks'):
        start.value(float, 'grip')
    with pytest.raises(TaskFileError, match=r'^t.yaml: start.3 is unknown; known are colour, pos'):
        start.allow_only('position', 'colour')


def test_a_dataclass_is_built_from_its_fields():
    task = Section({'cup': CUP | {'shape': 'round'}}, 't.yaml')
    cup = task.section('cup').build(Cup, others={'shape'})
    assert cup == Cup(name='cup', colour=Colour(hue=(100, 125)), radius=0.02, is_fixed=False)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'radios': 1}, 'cup.radios is unknown; known are colour, is_fixed, name, radius'),
        ({'colour': {}}, 'cup.colour.hue is missing; see config/tasks for an example'),
        ({'colour': {'hue': [1.5, 2]}}, 'cup.colour.hue[0] is 1.5; give a whole number'),
        ({'radius': -1}, 'cup: radius is -1.0: give more than 0 m'),
    ],
)
def test_what_is_wrong_with_a_dataclass_is_named(changes, words):
    with pytest.raises(TaskFileError) as error:
        Section({'cup': CUP | changes}, 't.yaml').section('cup').build(Cup)
    assert str(error.value) == f't.yaml: {words}'


def test_a_fault_of_the_whole_file_names_no_section():
    with pytest.raises(TaskFileError, match=r'^t.yaml: radius is -1.0: give more'):
        Section(CUP | {'radius': -1}, 't.yaml').build(Cup)


def test_sections_of_a_list_go_by_their_names():
    task = Section({'scene': [{'name': 'rack'}, {'name': 'cup', 'x': 'left'}]}, 't.yaml')
    sections = task.named_sections('scene')
    assert list(sections) == ['rack', 'cup']
    with pytest.raises(TaskFileError, match=r"^t.yaml: scene.cup.x is 'left'; give a finite"):
        sections['cup'].value(float, 'x')


@pytest.mark.parametrize(
    ('scene', 'words'),
    [
        ('cup', "scene is 'cup'; give a list of at least one entry"),
        (['cup'], "scene[0] is 'cup'; give a mapping of keys to values"),
        ([{'x': 1}], 'scene[0].name is missing; see config/tasks for an example'),
        ([{'name': 'cup'}] * 2, "scene has 'cup' twice; give each its own name"),
    ],
)
def test_a_list_without_names_is_refused(scene, words):
    with pytest.raises(TaskFileError) as error:
        Section({'scene': scene}, 't.yaml').named_sections('scene')
    assert str(error.value) == f't.yaml: {words}'


def test_a_file_is_read(tmp_path):
    path = tmp_path / 'task.yaml'
    path.write_text('robot: wx250s  # Gerät', encoding='utf-8')
    assert load_task_file(path).value(str, 'robot') == 'wx250s'
    assert load_task_file(str(path)).value(str, 'robot') == 'wx250s'


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'a: [1, 2', 'give the path of a readable task file'),
        (b'robot: Ger\xe4t', 'saved as UTF-8'),
        (b'just words', 'holds no keys; see config/tasks for an example'),
        (b'', 'holds no keys'),
    ],
)
def test_a_file_that_is_no_task_file_is_named(tmp_path, content, words):
    path = tmp_path / 'task.yaml'
    path.write_bytes(content)
    with pytest.raises(TaskFileError) as error:
        load_task_file(path)
    assert str(error.value).startswith(f'{path}: ')
    assert words in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    absent = tmp_path / 'absent.yaml'
    with pytest.raises(TaskFileError, match=r'absent.yaml.*give the path of a readable task file'):
        load_task_file(absent)
    with pytest.raises(TaskFileError, match=r'^parameter task_file is empty; give the path of'):
        load_task_file('')
