# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from parl_files.config_file import ConfigError
from parl_learner.experiment.identity import check_experiment

TASK = {'task': 'cup_to_rack', 'horizon': 60, 'scene': [{'name': 'cup', 'height': 0.06}]}


def test_the_same_experiment_goes_on(experiment, tmp_path):
    for _ in range(3):
        check_experiment(tmp_path, experiment(), TASK)


def test_another_setting_is_refused_by_name(experiment, learning, tmp_path):
    check_experiment(tmp_path, experiment(), TASK)
    changed = experiment(learning=learning(discount=0.95))
    with pytest.raises(ConfigError, match=r'learning\.discount was 0\.99 and is 0\.95; set it'):
        check_experiment(tmp_path, changed, TASK)
    check_experiment(tmp_path, experiment(), TASK)


def test_a_setting_added_later_counts_with_its_default(experiment, tmp_path):
    check_experiment(tmp_path, experiment(), TASK)
    path = tmp_path / 'begun_with.json'
    begun = json.loads(path.read_text())
    del begun['experiment']['learning']['action_horizon']
    path.write_text(json.dumps(begun))
    check_experiment(tmp_path, experiment(), TASK)


def test_settings_of_another_version_of_the_code_are_named(experiment, tmp_path):
    check_experiment(tmp_path, experiment(), TASK)
    path = tmp_path / 'begun_with.json'
    begun = json.loads(path.read_text())
    begun['experiment']['learning']['momentum'] = 0.9
    path.write_text(json.dumps(begun))
    words = r'begun_with\.json: experiment: learning\.momentum is .* another version of the code'
    with pytest.raises(ConfigError, match=words):
        check_experiment(tmp_path, experiment(), TASK)


@pytest.mark.parametrize('content', [b'', b'{"experiment": {"ta', b'[]', b'\xff'])
def test_a_damaged_file_of_what_it_was_begun_with_is_named(experiment, tmp_path, content):
    path = tmp_path / 'begun_with.json'
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f'{path} is damaged .* or remove it if'):
        check_experiment(tmp_path, experiment(), TASK)
    path.unlink()
    check_experiment(tmp_path, experiment(), TASK)


def test_an_edited_task_is_refused(experiment, tmp_path):
    check_experiment(tmp_path, experiment(), TASK)
    with pytest.raises(ConfigError, match=r'task\.scene was .*0\.06.* and is .*0\.07'):
        check_experiment(
            tmp_path, experiment(), {**TASK, 'scene': [{'name': 'cup', 'height': 0.07}]}
        )
    (tmp_path / 'begun_with.json').unlink()
    check_experiment(tmp_path, experiment(), {**TASK, 'horizon': 61})


def test_both_tasks_of_an_experiment_are_kept(experiment, tmp_path):
    config = experiment(pretraining_task='cup_alone')
    alone = {**TASK, 'task': 'cup_alone', 'scene': []}
    for task in (alone, TASK, alone, TASK):
        check_experiment(tmp_path, config, task)
    with pytest.raises(ConfigError, match=r'pretraining_task\.horizon was 60 and is 61'):
        check_experiment(tmp_path, config, {**alone, 'horizon': 61})
    with pytest.raises(ConfigError, match=r'task\.horizon was 60 and is 61'):
        check_experiment(tmp_path, config, {**TASK, 'horizon': 61})
    with pytest.raises(ConfigError, match=r"task 'cup_alone' and 'cup_to_rack', but .* 'pot'"):
        check_experiment(tmp_path, config, {**TASK, 'task': 'pot'})


def test_experiment_and_task_file_of_two_tasks_are_refused(experiment, tmp_path):
    with pytest.raises(ConfigError, match=r"about task 'cup_to_rack', but .* 'pot_to_sink'"):
        check_experiment(tmp_path, experiment(), {**TASK, 'task': 'pot_to_sink'})
    assert not list(tmp_path.iterdir())
