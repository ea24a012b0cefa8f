# SPDX-License-Identifier: Apache-2.0
from collections.abc import Mapping
from dataclasses import dataclass, field
import math
from typing import Any, Literal

import pytest

from parl_files.config_file import (
    ConfigError,
    from_mapping,
    load_layered_yaml,
    load_yaml,
    to_mapping,
)


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
        ({'colour': 1}, r"f\.yaml: unknown key 'colour'; known are \['camera', 'extra'"),
        ({'colour': 1, 3: 4}, 'f.yaml: unknown key 3'),
        ({'camera': {}}, r"f\.yaml: camera: key 'rate_hz' is missing"),
        ({'camera': {'rate_hz': 1, 'fps': 2}}, r"f\.yaml: camera: unknown key 'fps'"),
        ({'camera': None}, 'f.yaml: camera: found None, expected a mapping'),
        ({'camera': {'rate_hz': '15'}}, "camera: rate_hz is '15', expected float"),
        ({'camera': {'rate_hz': True}}, 'camera: rate_hz is True, expected float'),
        ({'camera': {'rate_hz': -1}}, 'camera: rate_hz must be positive: -1.0'),
        ({'camera': {'rate_hz': 1, 'size': [1]}}, 'size has 1 entries, expected 2'),
        ({'camera': {'rate_hz': 1, 'size': 640}}, 'size is 640, expected a list'),
        ({'camera': {'rate_hz': 1, 'size': [1, 2.0]}}, r'size\[1\] is 2.0, expected int'),
        ({'second': {'rate_hz': 'x'}}, "second: rate_hz is 'x', expected float"),
        ({'steps': 3.0}, 'steps is 3.0, expected int'),
        ({'steps': True}, 'steps is True, expected int'),
        ({'is_real': 1}, 'is_real is 1, expected bool'),
        ({'name': 5}, 'name is 5, expected str'),
        ({'note': 5}, 'note is 5, expected str'),
        ({'mode': 'medium'}, r"mode is 'medium', expected one of \['fast', 'slow'\]"),
        ({'camera': {'rate_hz': math.nan}}, 'camera: rate_hz is nan, expected a finite number'),
        ({'limits': [1, math.inf]}, r'limits\[1\] is inf, expected a finite number'),
        ({'limits': [10**400]}, r'limits\[0\] is 10+, expected a finite number'),
        ({'extra': 3}, 'extra is 3, expected a mapping'),
    ],
)
def test_what_is_wrong_is_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        from_mapping(Station, GOOD | changes, 'f.yaml')


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match=r"f.yaml: key 'name' is missing"):
        from_mapping(Station, {'camera': {'rate_hz': 1}}, 'f.yaml')


def test_files(tmp_path):
    path = tmp_path / 'a.yaml'
    path.write_text('name: b\ncamera: {rate_hz: 2}\n')
    assert from_mapping(Station, load_yaml(path), str(path)).name == 'b'


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'a: [', 'cannot read .*a.yaml'),
        (b'\xff\xfe\xff', 'cannot read .*a.yaml'),
        (b'- 1', 'holds list, expected a mapping'),
        (b'', 'holds NoneType, expected a mapping'),
    ],
)
def test_files_that_are_no_configuration(tmp_path, content, message):
    path = tmp_path / 'a.yaml'
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_yaml(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r'cannot read .*none.yaml'):
        load_yaml(tmp_path / 'none.yaml')


def test_layers(tmp_path):
    """The last file wins, key by key; lists are replaced; null brings the default back."""
    (tmp_path / 'base.yaml').write_text('a: 1\nb: {c: [1, 2], d: 3, e: {f: 4}}\ng: 5\n')
    (tmp_path / 'more').mkdir()
    middle = tmp_path / 'more/middle.yaml'
    middle.write_text('extends: ../base.yaml\nb: {c: [6], e: {h: 7}}\ng: null\n')
    top = tmp_path / 'more/top.yaml'
    top.write_text('extends: middle.yaml\na: {i: 8}\nb: {d: null}\n')
    assert load_layered_yaml(middle) == {'a': 1, 'b': {'c': [6], 'd': 3, 'e': {'f': 4, 'h': 7}}}
    assert load_layered_yaml(top) == {'a': {'i': 8}, 'b': {'c': [6], 'e': {'f': 4, 'h': 7}}}
    assert load_layered_yaml(tmp_path / 'base.yaml') == load_yaml(tmp_path / 'base.yaml')


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('{policy_class: b}', {'policy_class': 'b', 'seed': 1}),
        (
            '{policy: {width: 3}, policy_class: b}',
            {'policy_class': 'b', 'policy': {'width': 3}, 'seed': 1},
        ),
        (
            '{policy_class: a, policy: {width: 3}}',
            {'policy_class': 'a', 'policy': {'blocks': 2, 'width': 3}, 'seed': 1},
        ),
        ('{policy_class: null}', {'seed': 1}),
    ],
)
def test_settings_of_another_class_are_not_inherited(tmp_path, text, expected):
    base = tmp_path / 'base.yaml'
    base.write_text('learning: {policy_class: a, policy: {blocks: 2}, seed: 1}')
    top = tmp_path / 'top.yaml'
    top.write_text(f'extends: base.yaml\nlearning: {text}')
    assert load_layered_yaml(top) == {'learning': expected}


def test_a_circle_of_layers_is_refused(tmp_path):
    (tmp_path / 'a.yaml').write_text('extends: b.yaml\n')
    (tmp_path / 'b.yaml').write_text('extends: a.yaml\n')
    with pytest.raises(ConfigError, match=r'a.yaml extends itself by way of .*a.yaml'):
        load_layered_yaml(tmp_path / 'a.yaml')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('extends: [a.yaml]\n', r'extends is \[.*, expected a file name'),
        ('extends: none.yaml\n', r'a\.yaml: extends: cannot read .*none\.yaml'),
    ],
)
def test_a_layer_that_cannot_be_found_is_named(tmp_path, text, message):
    path = tmp_path / 'a.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_layered_yaml(path)
