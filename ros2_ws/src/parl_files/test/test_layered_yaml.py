# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_files.config_file import ConfigError
from parl_files.layered_yaml import load_layered_yaml


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        path = tmp_path / f'{name}.yaml'
        path.write_text(text, encoding='utf-8')
        return path

    return write_file


def test_a_list_is_laid_one_over_the_other_and_a_name_finds_its_file(write, tmp_path):
    write('base', 'a: {x: 1, y: 1}\nb: 1\n')
    (tmp_path / 'far').mkdir()
    method = write('far/method', 'a: {x: 2, y: null}\n')
    top = write('top', 'extends: [base.yaml, method]\nb: 3\n')
    assert load_layered_yaml(top, named={'method': method}).mapping == {'a': {'x': 2}, 'b': 3}


def test_settings_take_the_place_of_what_the_files_say(write):
    path = write('a', 'a: {x: 1, y: 1}\nb: 1\n')
    settings = ['a.x=[1, 2]', 'b=null', 'c.d.e=1e-3', 'a.z={k: 1}']
    found = load_layered_yaml(path, settings=settings).mapping
    assert found == {'a': {'x': [1, 2], 'y': 1, 'z': {'k': 1}}, 'c': {'d': {'e': 1e-3}}}


@pytest.mark.parametrize(
    ('setting', 'message'),
    [('a', "'a' is not a setting"), ('b.c=1', "'b' holds 1, not a section"), ('a={', '--set a={')],
)
def test_a_setting_that_is_none_is_named(write, setting, message):
    with pytest.raises(ConfigError, match=message):
        load_layered_yaml(write('a', 'b: 1\n'), settings=[setting])


def test_a_file_laid_over_any_keeps_what_it_cannot_know(write):
    """`extends` drops the settings of another class; a method of any task takes nothing away."""
    base = write('base', 'policy_class: diffusion\npolicy: {steps: 5, image: 1}\n')
    method = write('method', 'policy_class: gaussian\npolicy: {hidden: 8, steps: null}\n')
    top = write('top', 'extends: base.yaml\npolicy_class: gaussian\npolicy: {hidden: 8}\n')
    assert load_layered_yaml(top).mapping['policy'] == {'hidden': 8}
    assert load_layered_yaml(base, method).mapping['policy'] == {'hidden': 8, 'image': 1}


def test_a_message_names_all_that_was_merged(write):
    base, top = write('base', 'a: 1\n'), write('top', 'extends: base.yaml\n')
    assert load_layered_yaml(base).where == str(base)
    where = load_layered_yaml(top, settings=['b=2']).where
    assert where == f'{top} (with {base}, b=2)'


def test_a_name_that_is_nearly_right_is_recognised(write, tmp_path):
    named = {'idql': tmp_path / 'idql.yaml'}
    message = r"extends: 'idlq' is no YAML file and none of \['idql'\]; did you mean 'idql'"
    with pytest.raises(ConfigError, match=message):
        load_layered_yaml(write('top', 'extends: [idlq]\n'), named=named)
