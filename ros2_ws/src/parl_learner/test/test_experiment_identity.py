# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_learner.experiment_identity import check_experiment
from parl_policy.config_file import ConfigError

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


def test_an_edited_task_is_refused(experiment, tmp_path):
    check_experiment(tmp_path, experiment(), TASK)
    with pytest.raises(ConfigError, match=r'task\.scene was .*0\.06.* and is .*0\.07'):
        check_experiment(
            tmp_path, experiment(), {**TASK, 'scene': [{'name': 'cup', 'height': 0.07}]}
        )
    (tmp_path / 'begun_with.json').unlink()
    check_experiment(tmp_path, experiment(), {**TASK, 'horizon': 61})


def test_experiment_and_task_file_of_two_tasks_are_refused(experiment, tmp_path):
    with pytest.raises(ConfigError, match=r"about task 'cup_to_rack' and .* 'pot_to_sink'"):
        check_experiment(tmp_path, experiment(), {**TASK, 'task': 'pot_to_sink'})
    assert not list(tmp_path.iterdir())
