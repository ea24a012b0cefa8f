# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from parl_files.config_file import ConfigError, to_mapping
from parl_learner.loop.checkpoint import CheckpointError
from parl_learner.offline.run.run_folder import begin_result, RunFolderError, take_folder
from parl_learner.offline.run.training_files import load_training
from parl_learner.offline.run.training_result import Evaluation, ResultFileError


def config(**changes):
    settings = to_mapping(load_training('point_maze_stitched')) | {'seed': 3} | changes
    return json.loads(json.dumps(settings))


@pytest.fixture
def begin(tmp_path):
    """Begins the result of a run, or continues it."""

    def begin(data='abc', **changes):
        checkpoint = tmp_path / 'learner.checkpoint'
        return begin_result(tmp_path / 'result.json', checkpoint, config(**changes), data)

    return begin


def test_a_folder_is_for_one_run_at_a_time(tmp_path):
    folder = tmp_path / 'new' / 'run'
    lock = take_folder(folder)
    with pytest.raises(RunFolderError, match=r'another run is using .*--out'):
        take_folder(folder)
    lock.close()
    take_folder(folder).close()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / 'run').write_text('')
    with pytest.raises(RunFolderError, match=r'cannot use .*run.* --out'):
        take_folder(tmp_path / 'run')


def test_a_folder_whose_artifacts_are_a_file_is_refused_at_once(tmp_path):
    (tmp_path / 'artifacts').write_text('')
    with pytest.raises(RunFolderError, match=r'cannot use .*artifacts.* --out'):
        take_folder(tmp_path)


def test_a_result_is_kept_before_anything_is_learned(begin, tmp_path):
    result = begin()
    assert (result.name, result.seed, result.data) == ('point_maze_stitched', 3, 'abc')
    assert (tmp_path / 'result.json').exists()
    assert begin() == result


def test_other_settings_and_other_data_are_refused(begin):
    begin()
    with pytest.raises(CheckpointError, match='seed was 3 and is 4'):
        begin(seed=4)
    with pytest.raises(CheckpointError, match=r'other offline data .*abc…, now def…'):
        begin(data='def')


def test_a_setting_added_later_counts_with_its_default(begin, tmp_path):
    begin()
    path = tmp_path / 'result.json'
    result = json.loads(path.read_text())
    del result['config']['learning']['action_horizon']
    path.write_text(json.dumps(result))
    begin()


def test_settings_of_another_version_of_the_code_are_named(begin, tmp_path):
    begin()
    path = tmp_path / 'result.json'
    result = json.loads(path.read_text())
    result['config']['learning']['momentum'] = 0.9
    path.write_text(json.dumps(result))
    words = r'result\.json: config: learning\.momentum is .* another version of the code'
    with pytest.raises(ConfigError, match=words):
        begin()


def test_a_run_with_a_part_missing_is_refused(begin, tmp_path):
    result = begin()
    result.evaluations.append(
        Evaluation(round=0, actor='policy', practice_steps=0, scores=(0.0,), graded=False)
    )
    result.save(tmp_path / 'result.json')
    with pytest.raises(RunFolderError, match=r'learner.checkpoint is missing'):
        begin()
    (tmp_path / 'learner.checkpoint').write_bytes(b'')
    begin()
    (tmp_path / 'result.json').unlink()
    with pytest.raises(RunFolderError, match=r'result.json, which names its settings, is missing'):
        begin()


@pytest.mark.parametrize('content', ['', '[]', '{"name": "maze"}', '{"evaluations": [{}]}'])
def test_a_damaged_result_is_refused(begin, tmp_path, content):
    (tmp_path / 'result.json').write_text(content)
    with pytest.raises(ResultFileError, match=r'result.json is damaged or of another version'):
        begin()
