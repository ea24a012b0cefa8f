# SPDX-License-Identifier: Apache-2.0
import json
import math
import re
import string

from hypothesis import given
from hypothesis import strategies as st
import pytest

from parl_files.config_file import ConfigError
from parl_files.layered_yaml import load_layered_yaml
from parl_files.yaml_file import load_yaml, parse_yaml

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(string.printable, max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('60', 60),
        ('-0', 0),
        ('+5', 5),
        ('1_000', 1000),
        ('1_000_000', 1_000_000),
        ('1e-3', 1e-3),
        ('5E-1', 0.5),
        ('1e3', 1000.0),
        ('1.0e-5', 1e-5),
        ('.5', 0.5),
        ('-.5', -0.5),
        ('5.', 5.0),
        ('00.5', 0.5),
        ('.inf', math.inf),
        ('-.INF', -math.inf),
        ('true', True),
        ('False', False),
        ('~', None),
        ('null', None),
        ('', None),
        ("'060'", '060'),
        ('"yes"', 'yes'),
        ('1.2.3', '1.2.3'),
        ('2026-11-30', '2026-11-30'),
        ('y', 'y'),
        ('e5', 'e5'),
        ('.', '.'),
        ('-', [None]),
        ('a:b', 'a:b'),
        ('12:70', '12:70'),
    ],
)
def test_what_is_clear_is_read_as_people_mean_it(text, value):
    found = parse_yaml(text, 'f')
    assert found == value
    assert type(found) is type(value)


def test_nan_is_read_so_that_a_key_can_be_named_with_it():
    assert math.isnan(parse_yaml('.nan', 'f'))


@pytest.mark.parametrize(
    'text',
    [
        '060',
        '-017',
        '0_7',
        '1:30',
        '1:30:00.5',
        '0x1F',
        '0o17',
        '0b11',
        '1_00',
        '1_000.5',
        '1_0e3',
    ],
)
def test_numbers_that_are_not_written_in_decimal_are_refused(text):
    words = (
        f"f: line 2: {text} can be read in two ways; write a number in decimal, or '{text}' for"
    )
    with pytest.raises(ConfigError, match=re.escape(words)):
        parse_yaml(f'a:\n  b: {text}', 'f')
    assert parse_yaml(f"'{text}'", 'f') == text


@pytest.mark.parametrize('text', ['yes', 'No', 'ON', 'off'])
def test_switches_are_refused(text):
    words = f"line 1: {text} can be read in two ways; write true or false, or '{text}' for a text"
    with pytest.raises(ConfigError, match=words):
        parse_yaml(f'[1, {text}]', 'f')


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('a: 1\nb: 2\na: 3\n', r"f: line 3: key 'a' stands twice, in line 1 and here; keep one"),
        ('x:\n  a: 1\n\n  a: 1\n', r"f: line 4: key 'a' stands twice, in line 2 and here"),
        ('- {a: 1, "a": 2}', r"f: line 1: key 'a' stands twice, in line 1 and here"),
        ('<<: {a: 1, a: 2}', r"f: line 1: key 'a' stands twice"),
        ('a: [', r'f: line 1: expected the node content, but found .<stream end>.; while parsing'),
        ('a: {{b}}', 'f: line 1: a key is not a plain text; is a quote or a space missing'),
        ('? [1, 2]\n: 3\n', 'f: line 1: a key is not a plain text'),
        ('a: b: c', 'f: line 1: mapping values are not allowed here'),
        ('a: 1\n---\nb: 2\n', 'f: line 2: but found another document; expected a single document'),
        ('a: &x [*x]', 'f: line 1: found unconstructable recursive node'),
        ('a: \x00', 'f: cannot be read as YAML: unacceptable character'),
        ('a: !!int "060"', 'f: line 1: 060 can be read in two ways'),
        ('a: !!float nought', 'f: line 1: nought can be read'),
        ('a: !!bool maybe', 'f: line 1: maybe can be read'),
        ('a: !!python/name:os.system ""', 'f: line 1: could not determine a constructor'),
        ('a: !!timestamp x', 'f: line 1: could not determine a constructor'),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_yaml(text, 'f')


def test_what_is_too_deep_or_too_long_is_refused():
    with pytest.raises(ConfigError, match=r'f: cannot be read as YAML: .*recursion'):
        parse_yaml('[' * 500, 'f')
    with pytest.raises(ConfigError, match='f: line 1: a number of 5000 digits; give fewer'):
        parse_yaml('a: ' + '1' * 5000, 'f')


def test_merged_keys_are_laid_under_a_mappings_own():
    text = 'a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, *a]\n'
    found = parse_yaml(text, 'f')
    assert found == {'a': {'x': 1, 'y': 2}, 'b': {'x': 1, 'y': 3}, 'c': [{'x': 1, 'y': 2}] * 2}


@given(PLAIN)
def test_json_is_read_as_json(value):
    found = parse_yaml(json.dumps(value), 'f')
    assert repr(found) == repr(value)


@given(st.integers() | FINITE)
def test_a_number_as_python_writes_it_is_that_number(number):
    found = parse_yaml(repr(number), 'f')
    assert found == number
    assert type(found) is type(number)


@given(st.text(alphabet='0123456789_.eE+-:xob', max_size=6))
def test_no_text_becomes_another_number_than_python_reads(text):
    try:
        found = parse_yaml(f'[{text}]', 'f')[0] if text.strip(' -') else None
    except (ConfigError, IndexError):
        return
    if isinstance(found, int | float):
        assert found == float(text)


def test_a_file_is_read(tmp_path):
    path = tmp_path / 'a.yaml'
    path.write_text('robot: wx250s  # Gerät', encoding='utf-8')
    assert load_yaml(path) == {'robot': 'wx250s'}


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'a: [1, 2', 'line 1: '),
        (b'robot: Ger\xe4t', 'cannot be read: .*; save it as UTF-8'),
        (b'- 1', 'holds a list; give keys and values'),
        (b'just words', 'holds a str; give keys and values'),
        (b'', 'holds nothing; give keys and values'),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, content, words):
    path = tmp_path / 'a.yaml'
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf'^{path}: {words}'):
        load_yaml(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    remedy = 'give the path of a readable YAML file'
    absent = tmp_path / 'none.yaml'
    with pytest.raises(ConfigError, match=f'^{absent}: cannot be read: No such file.*; {remedy}'):
        load_yaml(absent)
    with pytest.raises(
        ConfigError, match=f'^{tmp_path}: cannot be read: Is a directory; {remedy}'
    ):
        load_yaml(tmp_path)


def test_layers(tmp_path):
    """The last file wins, key by key; lists are replaced; null brings the default back."""
    (tmp_path / 'base.yaml').write_text('a: 1\nb: {c: [1, 2], d: 3, e: {f: 4}}\ng: 5\n')
    (tmp_path / 'more').mkdir()
    middle = tmp_path / 'more/middle.yaml'
    middle.write_text('extends: ../base.yaml\nb: {c: [6], e: {h: 7}}\ng: null\n')
    top = tmp_path / 'more/top.yaml'
    top.write_text('extends: middle.yaml\na: {i: 8}\nb: {d: null}\n')
    assert load_layered_yaml(middle).mapping == {
        'a': 1,
        'b': {'c': [6], 'd': 3, 'e': {'f': 4, 'h': 7}},
    }
    assert load_layered_yaml(top).mapping == {
        'a': {'i': 8},
        'b': {'c': [6], 'e': {'f': 4, 'h': 7}},
    }
    assert load_layered_yaml(tmp_path / 'base.yaml').mapping == load_yaml(tmp_path / 'base.yaml')


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
    assert load_layered_yaml(top).mapping == {'learning': expected}


def test_a_circle_of_layers_is_refused(tmp_path):
    (tmp_path / 'a.yaml').write_text('extends: b.yaml\n')
    (tmp_path / 'b.yaml').write_text('extends: a.yaml\n')
    with pytest.raises(ConfigError, match=r'a.yaml extends itself through .*a.yaml'):
        load_layered_yaml(tmp_path / 'a.yaml')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('extends: [5]\n', r'extends is \[5\]; give a file name, or a list'),
        ('extends: none.yaml\n', r'a\.yaml: extends: .*none\.yaml: cannot be read'),
    ],
)
def test_a_layer_that_cannot_be_found_is_named(tmp_path, text, message):
    path = tmp_path / 'a.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_layered_yaml(path)
