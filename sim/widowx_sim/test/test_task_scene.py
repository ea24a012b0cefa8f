# SPDX-License-Identifier: Apache-2.0
import pytest
import yaml

from widowx_sim.task_scene import load_task_scene, TaskFileError


@pytest.fixture
def content(task_file):
    return yaml.safe_load(task_file.read_text())


def _error_of(tmp_path, content):
    path = tmp_path / 'task.yaml'
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    with pytest.raises(TaskFileError) as caught:
        load_task_scene(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_reads_the_demo_task(task):
    assert task.robot == 'wx250s'
    assert task.cup.radius < 0.5 * task.rack.size[0]
    assert task.camera.width == 640


def test_missing_key_is_named(tmp_path, content):
    del content['scene']['cup']['radius']
    message = _error_of(tmp_path, content)
    assert 'scene.cup' in message
    assert 'radius is missing' in message


def test_unknown_key_is_named(tmp_path, content):
    content['scene']['cup']['radios'] = 0.02
    assert 'scene.cup.radios: unknown key' in _error_of(tmp_path, content)


def test_unknown_object_is_named(tmp_path, content):
    content['scene']['spoon'] = {}
    assert 'scene.spoon: unknown key' in _error_of(tmp_path, content)


@pytest.mark.parametrize('value', [float('nan'), 'thick', True, None])
def test_value_of_wrong_type_is_named(tmp_path, content, value):
    content['scene']['cup']['wall'] = value
    assert 'scene.cup.wall is' in _error_of(tmp_path, content)


def test_list_of_wrong_length_is_named(tmp_path, content):
    content['camera']['position'] = [0.1, 0.2]
    assert 'camera.position' in _error_of(tmp_path, content)


def test_value_out_of_range_is_named_with_remedy(tmp_path, content):
    content['scene']['cup']['wall'] = 0.5
    message = _error_of(tmp_path, content)
    assert 'wall is 0.5' in message
    assert 'wall < radius' in message


def test_reversed_range_is_named(tmp_path, content):
    content['scene']['cup']['x'] = [0.3, 0.2]
    assert 'x is [0.3, 0.2]' in _error_of(tmp_path, content)


@pytest.mark.parametrize('text', ['[', 'just words', ''])
def test_file_that_is_no_mapping_is_named(tmp_path, text):
    _error_of(tmp_path, text)


def test_absent_file_is_named(tmp_path):
    with pytest.raises(TaskFileError, match='nowhere'):
        load_task_scene(tmp_path / 'nowhere.yaml')
