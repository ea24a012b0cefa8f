# SPDX-License-Identifier: Apache-2.0
import pytest
import yaml

from parl_files.config_file import ConfigError
from widowx_sim.scene.scene_object import Plate, Rack
from widowx_sim.scene.task_scene import load_task_scene


@pytest.fixture
def content(task_file):
    return yaml.safe_load(task_file.read_text())


def _error_of(tmp_path, content):
    path = tmp_path / 'task.yaml'
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    with pytest.raises(ConfigError) as caught:
        load_task_scene(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_reads_the_demo_task(task):
    assert task.robot == 'wx250s'
    assert task.scene['cup'].radius < 0.5 * task.scene['rack'].size[0]
    assert task.camera.width == 640


def test_missing_key_is_named(tmp_path, content):
    del content['scene'][1]['radius']
    message = _error_of(tmp_path, content)
    assert 'scene.cup' in message
    assert 'radius is missing' in message


def test_unknown_key_is_named(tmp_path, content):
    content['scene'][1]['radios'] = 0.02
    assert 'scene.cup.radios is unknown; known are height,' in _error_of(tmp_path, content)


def test_known_keys_include_those_of_other_readers(tmp_path, content):
    content['camera']['max_agee'] = content['camera'].pop('max_age')
    message = _error_of(tmp_path, content)
    assert 'camera.max_agee is unknown; known are fovy, height, look_at, max_age, ' in message
    assert 'table_points' in message


def test_unknown_shape_is_named(tmp_path, content):
    content['scene'].append({'name': 'spoon', 'shape': 'spoon'})
    assert "scene.spoon.shape is 'spoon'; give one of cup, pot" in _error_of(tmp_path, content)


def test_object_without_shape_is_named(tmp_path, content):
    content['scene'].append({'name': 'spoon'})
    assert 'scene.spoon.shape is missing' in _error_of(tmp_path, content)


def test_name_twice_is_named(tmp_path, content):
    content['scene'].append(content['scene'][1])
    assert "scene has 'cup' twice" in _error_of(tmp_path, content)


@pytest.mark.parametrize('keys', [('object',), ('region', 'relative_to')])
def test_reward_must_name_objects_of_the_scene(tmp_path, content, keys):
    section = content['reward']
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = 'spoon'
    message = _error_of(tmp_path, content)
    assert f'reward.{".".join(keys)} is spoon' in message
    assert 'one of rack, cup' in message


def test_a_goal_that_moves_is_refused(tmp_path, content):
    content['reward']['region']['relative_to'] = 'cup'
    assert 'relative_to is cup: give a fixed one' in _error_of(tmp_path, content)


def test_things_stand_wholly_or_not():
    square = Rack(
        name='rack', position=(0.3, 0.1), size=(0.10, 0.06), height=0.02, rgba=(0, 0, 0, 1)
    )
    assert square.carries(0.329, 0.1, 0.02)
    assert not square.carries(0.331, 0.1, 0.02)
    assert not square.carries(0.3, 0.111, 0.02)
    plate = Plate(name='plate', position=(0.3, 0.1), radius=0.05, height=0.01, rgba=(0, 0, 0, 1))
    assert plate.carries(0.3179, 0.1239, 0.02)
    assert not plate.carries(0.318, 0.125, 0.02)


@pytest.mark.parametrize('value', [float('nan'), 'thick', True, None])
def test_value_of_wrong_type_is_named(tmp_path, content, value):
    content['scene'][1]['wall'] = value
    assert 'scene.cup.wall is' in _error_of(tmp_path, content)


def test_list_of_wrong_length_is_named(tmp_path, content):
    content['camera']['position'] = [0.1, 0.2]
    assert 'camera.position' in _error_of(tmp_path, content)


def test_value_out_of_range_is_named_with_remedy(tmp_path, content):
    content['scene'][1]['wall'] = 0.5
    message = _error_of(tmp_path, content)
    assert 'wall is 0.5' in message
    assert 'wall < radius' in message


def test_reversed_range_is_named(tmp_path, content):
    content['scene'][1]['x'] = [0.3, 0.2]
    assert 'x is [0.3, 0.2]' in _error_of(tmp_path, content)


@pytest.mark.parametrize('text', ['[', 'just words', ''])
def test_file_that_is_no_mapping_is_named(tmp_path, text):
    _error_of(tmp_path, text)


def test_absent_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match='nowhere'):
        load_task_scene(tmp_path / 'nowhere.yaml')
