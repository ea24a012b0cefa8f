# SPDX-License-Identifier: Apache-2.0
from collections.abc import Mapping
from dataclasses import dataclass, field
import json
import math
import string
from typing import Annotated, Any, ClassVar, Literal

from hypothesis import given
from hypothesis import strategies as st
import pytest

from parl_files.config_file import (
    between,
    ConfigError,
    from_mapping,
    Named,
    Positive,
    SharedSection,
    Text,
    to_mapping,
)
from parl_files.yaml_file import parse_yaml


@dataclass(frozen=True, kw_only=True)
class Camera:
    rate_hz: float
    size: tuple[int, int] = (640, 480)

    def __post_init__(self):
        if self.rate_hz <= 0:
            raise ValueError(f'rate_hz must be positive: {self.rate_hz}')


@dataclass(frozen=True, kw_only=True)
class Station:
    name: str
    camera: Camera
    steps: int = 3
    is_real: bool = False
    mode: Literal['fast', 'slow'] = 'fast'
    limits: tuple[float, ...] = ()
    note: str | None = None
    second: Camera | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


GOOD = {'name': 'a', 'camera': {'rate_hz': 15}}


def test_defaults_and_conversions():
    station = from_mapping(Station, GOOD, 'f.yaml')
    assert station == Station(name='a', camera=Camera(rate_hz=15.0))
    assert type(station.camera.rate_hz) is float


def test_everything_given():
    mapping = GOOD | {
        'camera': {'rate_hz': 5.5, 'size': [32, 24]},
        'steps': 7,
        'is_real': True,
        'mode': 'slow',
        'limits': [1, 2.5],
        'note': 'x',
        'second': {'rate_hz': 1.0},
        'extra': {'anything': [1]},
    }
    station = from_mapping(Station, mapping, 'f.yaml')
    assert station.camera == Camera(rate_hz=5.5, size=(32, 24))
    assert station.limits == (1.0, 2.5)
    assert type(station.limits[0]) is float
    assert station.second == Camera(rate_hz=1.0)
    assert (station.steps, station.is_real, station.mode, station.note) == (7, True, 'slow', 'x')
    assert station.extra == {'anything': [1]}
    assert from_mapping(Station, to_mapping(station), 'again') == station


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'colour': 1}, 'f.yaml: colour is unknown; known are camera, extra, '),
        ({'colour': 1, 3: 4}, 'f.yaml: 3 is unknown'),
        ({'step': 1}, r"f\.yaml: step is unknown; known are .*; did you mean 'steps'\?$"),
        ({'camera': {}}, r'f\.yaml: camera\.rate_hz is missing; give a finite number'),
        (
            {'camera': {'rate_hz': 1, 'fps': 2}},
            r'f\.yaml: camera\.fps is unknown; known are rate_hz, size',
        ),
        ({'camera': None}, 'f.yaml: camera is empty; give a mapping of keys to values'),
        (
            {'camera': {'rate_hz': '15'}},
            r"camera\.rate_hz is '15'; give a finite number, without quotes",
        ),
        ({'camera': {'rate_hz': True}}, r'camera\.rate_hz is True; give a finite number'),
        ({'camera': {'rate_hz': -1}}, 'camera: rate_hz must be positive: -1.0'),
        (
            {'camera': {'rate_hz': 1, 'size': [1]}},
            r'camera\.size is \[1\]; give a list of 2 numbers',
        ),
        ({'camera': {'rate_hz': 1, 'size': 640}}, 'size is 640; give a list of 2 numbers'),
        (
            {'camera': {'rate_hz': 1, 'size': [1, 2.0]}},
            r'size\[1\] is 2.0; give a whole number, as 2',
        ),
        ({'second': {'rate_hz': 'x'}}, r"second\.rate_hz is 'x'; give a finite number$"),
        ({'steps': 3.0}, 'steps is 3.0; give a whole number, as 3'),
        ({'steps': True}, 'steps is True; give a whole number'),
        ({'is_real': 1}, 'is_real is 1; give true or false'),
        ({'name': 5}, "name is 5; give a text, as '5'"),
        ({'note': 5}, 'note is 5; give a text'),
        ({'mode': 'fats'}, "mode is 'fats'; give one of fast, slow; did you mean 'fast'"),
        ({'mode': 'medium'}, "mode is 'medium'; give one of fast, slow$"),
        ({'camera': {'rate_hz': math.nan}}, r'camera\.rate_hz is nan; give a finite number'),
        ({'limits': [1, math.inf]}, r'limits\[1\] is inf; give a finite number'),
        ({'limits': [10**400]}, r'limits\[0\] is 10{76}\.\.\.; give a finite number'),
        ({'extra': 3}, 'extra is 3; give a mapping'),
    ],
)
def test_what_is_wrong_is_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        from_mapping(Station, GOOD | changes, 'f.yaml')


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match=r'f\.yaml: name is missing; give a text'):
        from_mapping(Station, {'camera': {'rate_hz': 1}}, 'f.yaml')


TEXTS = st.text(string.printable)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
CAMERAS = st.builds(
    Camera,
    rate_hz=st.floats(0.0, 1e9, exclude_min=True),
    size=st.tuples(st.integers(), st.integers()),
)
STATIONS = st.builds(
    Station,
    name=TEXTS,
    camera=CAMERAS,
    steps=st.integers(),
    is_real=st.booleans(),
    mode=st.sampled_from(['fast', 'slow']),
    limits=st.lists(FLOATS).map(tuple),
    note=st.none() | TEXTS,
    second=st.none() | CAMERAS,
    extra=st.dictionaries(TEXTS, st.integers() | FLOATS | TEXTS),
)


@given(STATIONS)
def test_what_is_written_is_read_back(station):
    mapping = to_mapping(station)
    assert from_mapping(Station, mapping, 'f') == station
    assert from_mapping(Station, parse_yaml(json.dumps(mapping), 'f'), 'f') == station


@dataclass(frozen=True, kw_only=True)
class Round:
    shape: Literal['round'] = 'round'
    radius: Positive


@dataclass(frozen=True, kw_only=True)
class Square:
    shape: Literal['square'] = 'square'
    name: Text
    width: Annotated[float, between(0.0, 2.0)]


@dataclass(frozen=True, kw_only=True)
class Scene:
    shape: Round | Square | None = None
    things: Named[Square] = field(default_factory=Named)


def test_a_word_says_which_dataclass_is_meant():
    scene = from_mapping(Scene, {'shape': {'shape': 'round', 'radius': 1}}, 'f')
    assert scene.shape == Round(radius=1.0)
    assert from_mapping(Scene, {'shape': to_mapping(scene.shape)}, 'f') == scene
    assert from_mapping(Scene, {'shape': None}, 'f') == Scene()


def test_a_list_goes_by_its_names():
    square = {'shape': 'square', 'width': 1}
    things = [square | {'name': name} for name in ('b', 'a')]
    found = from_mapping(Scene, {'things': things}, 'f').things
    assert list(found) == ['b', 'a']
    assert found['a'] == Square(name='a', width=1.0)


@pytest.mark.parametrize(
    ('shape', 'words'),
    [
        ({'radius': 1}, 'shape.shape is missing; give one of round, square'),
        (
            {'shape': 'rond'},
            "shape.shape is 'rond'; give one of round, square; did you mean 'round'",
        ),
        ({'shape': 3}, 'shape.shape is 3; give one of round, square'),
        ({'shape': 'round', 'width': 1}, 'shape.width is unknown; known are radius, shape'),
        ({'shape': 'round', 'radius': 0}, 'shape.radius is 0; give a number above 0'),
        ({'shape': 'round', 'radius': 'wide'}, "shape.radius is 'wide'; give a finite number"),
        ({'shape': 'round'}, 'shape.radius is missing; give a number above 0'),
        ({'shape': 'square', 'name': 'a', 'width': 3}, 'shape.width is 3; give a number in 0..2'),
        ({'shape': 'square', 'name': '', 'width': 1}, "shape.name is ''; give a text that is not"),
        (7, 'shape is 7; give a mapping of keys to values'),
    ],
)
def test_what_is_wrong_with_one_of_several_is_named(shape, words):
    with pytest.raises(ConfigError) as error:
        from_mapping(Scene, {'shape': shape}, 'f')
    assert str(error.value).startswith(f'f: {words}')


@pytest.mark.parametrize(
    ('things', 'words'),
    [
        ('cup', "things is 'cup'; give a list of at least one entry"),
        ([], 'things is []; give a list of at least one entry'),
        (['cup'], "things[0] is 'cup'; give a mapping of keys to values"),
        ([{'width': 1}], 'things[0].name is missing; give a text that is not empty'),
        ([{'name': 5}], "things[0].name is 5; give a text, as '5'"),
        ([{'name': 'cup', 'width': 1}] * 2, "things has 'cup' twice; give each its own name"),
        ([{'name': 'cup', 'width': -1}], 'things.cup.width is -1; give a number in 0..2'),
    ],
)
def test_what_is_wrong_with_a_list_of_names_is_named(things, words):
    with pytest.raises(ConfigError) as error:
        from_mapping(Scene, {'things': things}, 'f')
    assert str(error.value) == f'f: {words}'


@dataclass(frozen=True, kw_only=True)
class Part(SharedSection):
    width: int


@dataclass(frozen=True, kw_only=True)
class KnownPart(SharedSection):
    OTHERS: ClassVar = ('height',)
    width: int


def test_keys_of_other_readers_are_left_alone():
    assert from_mapping(Part, {'width': 1, 'heigth': 2}, 'f') == Part(width=1)
    assert from_mapping(KnownPart, {'width': 1, 'height': 2}, 'f') == KnownPart(width=1)
    with pytest.raises(
        ConfigError,
        match=r"f: heigth is unknown; .* height, width; did you mean 'height'\?$",
    ):
        from_mapping(KnownPart, {'width': 1, 'heigth': 2}, 'f')
    with pytest.raises(ConfigError, match="f: width is missing; is it meant by 'widht'"):
        from_mapping(Part, {'widht': 1}, 'f')


def test_a_file_that_is_no_mapping_is_named():
    with pytest.raises(ConfigError, match=r'^f: is \[3\]; give a mapping of keys to values$'):
        from_mapping(Part, [3], 'f')
