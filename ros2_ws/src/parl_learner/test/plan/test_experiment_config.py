# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import pytest
from zero_shot import zero_shot_experiment

from parl_files.config_file import ConfigError, from_mapping
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.plan.experiment_config import (
    check_calibration,
    ExperimentTask,
    load_experiment,
)
from parl_policy.networks.observation_encoder import VisionConfig
from parl_policy.observations import PictureConfig

EXPERIMENTS = Path(__file__).parents[3] / 'widowx_bringup/config/experiments'


def needed(config):
    return [config.practice_needed(index) for index in range(1, len(config.practice_rounds) + 1)]


def test_rounds(experiment):
    assert needed(experiment()) == [2, 3, 4]
    assert needed(experiment(practice_episodes=9, episodes_per_round=3)) == [2, 5, 8, 9]
    assert needed(experiment(practice_episodes=2)) == [2]
    assert needed(experiment(warm_up_episodes=0)) == [1, 2, 3, 4]
    assert needed(experiment(warm_up_episodes=0, episodes_per_round=3)) == [3, 4]


@pytest.mark.parametrize('path', sorted(EXPERIMENTS.glob('*.yaml')), ids=lambda path: path.stem)
def test_the_experiments_that_ship_can_be_read(path):
    config = load_experiment(path)
    loop = LearningLoop(config.learning, ['x', 'y'], config.seed)
    assert loop.idle
    assert config.practice_rounds


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('task: a\nseed: 0\ndemonstrations: 3\n', 'learning is missing'),
        (
            'task: a\nseed: 0\ndemonstrations: 3\nlearning: {metod: x}\n',
            r"learning\.metod is unknown; known are .*; did you mean 'method'",
        ),
        (
            'task: a\nseed: 0\ndemonstrations: 3\nlearning: {method: sac}\n',
            r"learning\.method is 'sac'; give one of pa_rl, value_gradient",
        ),
        (
            'task: a\nseed: 0\ndemonstrations: 3\nlearning: {critic: {hidden: 3}}\n',
            r'learning\.critic\.hidden is 3; give a list',
        ),
        ('task: a\nseed: 0\ndemonstrations: 0\nlearning: {}\n', 'demonstrations must be at least'),
        ('task: a\nseed: -1\ndemonstrations: 3\nlearning: {}\n', 'seed must be 0 or more: -1'),
        (
            'task: a\nseed: 0\ndemonstrations: 3\nlearning: {policy_class: difusion}\n',
            "policy class 'difusion' is unknown",
        ),
        (
            'task: a\nseed: 0\ndemonstrations: 3\nlearning: {policy: {hiddn: 3}}\n',
            "learning: policy: hiddn is unknown; known are .*; did you mean 'hidden'",
        ),
        (
            'task: a\nseed: 0\ndemonstrations: 3\n'
            'learning: {policy_class: edited, policy: {base: {hidden: -3}}}\n',
            'policy.base: steps, hidden and blocks must be at least 1',
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    path = tmp_path / 'e.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=r'e\.yaml.*' + message):
        load_experiment(path)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'demonstrations': 0}, 'demonstrations must be at least 1: 0'),
        ({'practice_episodes': 0, 'warm_up_episodes': 0}, 'practice_episodes must be at least 1'),
        ({'episodes_per_round': 0}, 'episodes_per_round must be at least 1'),
        ({'evaluation_episodes': 0}, 'evaluation_episodes must be at least 1'),
        ({'warm_up_episodes': 5}, 'warm_up_episodes must lie in 0…practice_episodes: 5 of 4'),
        ({'warm_up_episodes': -1}, 'warm_up_episodes must be 0 or more'),
        ({'cameras': {'camera': (64, 0)}}, 'cameras.camera must be a height and a width'),
    ],
)
def test_impossible_settings_are_refused(experiment, wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(experiment(), **wrong)


def test_only_with_cameras_is_known_what_a_policy_observes_before_an_episode(experiment):
    with pytest.raises(ValueError, match=r"demonstrator is 'policy', but without cameras .*give"):
        replace(experiment(), demonstrator='policy')
    assert zero_shot_experiment().is_zero_shot
    assert not replace(experiment(), demonstrator='operator/act').is_zero_shot


def test_cameras_and_networks_must_fit(experiment):
    with pytest.raises(ConfigError, match=r"neither policy nor critic sees .*\['camera'\]"):
        replace(experiment(), cameras={'camera': (64, 64)})
    vision = VisionConfig(pictures={'camera': PictureConfig(size=(64, 64))})
    learning = experiment().learning
    learning = replace(learning, critic=replace(learning.critic, vision=vision))
    with pytest.raises(ConfigError, match=r"critic sees the camera 'camera', but .*no pictures"):
        replace(experiment(), learning=learning)
    with pytest.raises(ConfigError, match=r'critic sees .*\(48, 48\), less than its size'):
        replace(experiment(), learning=learning, cameras={'camera': (48, 48)})
    replace(experiment(), learning=learning, cameras={'camera': (64, 64)})


@pytest.mark.parametrize(
    ('task', 'message'),
    [
        ({'task': 'a', 'control_rate_hz': 5.0}, 't.yaml: horizon is missing; give a whole number'),
        ({'task': 'a', 'horizon': -3, 'control_rate_hz': 5.0}, 'horizon must be at least 1'),
    ],
)
def test_a_task_file_that_says_too_little_is_named(task, message):
    with pytest.raises(ConfigError, match=message):
        from_mapping(ExperimentTask, {**task, 'workspace': {}}, 't.yaml')


def test_waypoints_need_the_detectors_camera_calibrated():
    path = Path(__file__).parents[3] / 'widowx_bringup/config/experiments/observations'
    config = load_experiment(path / 'pictures.yaml')
    settings = {'task': 'a', 'horizon': 3, 'control_rate_hz': 5.0}
    check_calibration(config, ExperimentTask(**settings, camera={'table_points': {}}))
    with pytest.raises(ConfigError, match=r"'waypoints' and sees the camera 'camera'; it needs"):
        check_calibration(config, ExperimentTask(**settings))
    check_calibration(load_experiment(path / 'two_cameras.yaml'), ExperimentTask(**settings))
    blind = {name: each for name, each in config.learning.policy.items() if name != 'vision'}
    config = replace(config, learning=replace(config.learning, policy=blind))
    with pytest.raises(ConfigError, match=r"'waypoints' and sees the camera 'camera'; it needs"):
        check_calibration(config, ExperimentTask(**settings))
