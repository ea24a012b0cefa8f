# SPDX-License-Identifier: Apache-2.0
"""Arguments with which a benchmark cannot run are named before it begins."""

import importlib

import cv2
import pytest

REFUSED = [
    ('control_period', ['--episodes', '0'], "--episodes: '0' is not a whole number of at least 1"),
    ('control_period', ['--steps', 'x'], "--steps: 'x' is not a whole number of at least 1"),
    ('critic_speed', ['--rounds', '0'], "--rounds: '0' is not a whole number of at least 1"),
    ('critic_speed', ['--threads', '0'], "--threads: '0' is not a whole number of at least 1"),
    ('decision_latency', ['--episodes', '0'], "--episodes: '0' is not a whole number"),
    ('driver_fuzz', ['5', '-1'], "seed: '-1' is not a whole number of at least 0"),
    ('point_maze_table', ['--folder', '/proc/nowhere'], 'could not write /proc/nowhere'),
    ('reward_detector_accuracy', ['--count', '0'], "--count: '0' is not a whole number"),
    (
        'reward_detector_accuracy',
        ['--picture', '/nowhere/a.png'],
        '--picture: cannot write /nowhere/a.png; name a .png or .jpg',
    ),
    ('reward_detector_accuracy', ['--picture', '/tmp/a.xyz'], 'cannot write /tmp/a.xyz'),
    ('success_over_seeds', ['--folder', '/proc/nowhere'], 'could not write /proc/nowhere'),
    ('success_over_seeds', ['--seeds', '0'], "--seeds: '0' is not a whole number of at least 1"),
    ('success_over_seeds', ['--workers', '-1'], "--workers: '-1' is not a whole number"),
    ('success_over_seeds', ['cup_to_rac'], 'cup_to_rac.yaml: cannot be read'),
]


@pytest.mark.parametrize(('name', 'arguments', 'message'), REFUSED)
def test_arguments_that_cannot_be_run_are_named(
    monkeypatch, capsys, tmp_path, name, arguments, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('sys.argv', [f'{name}.py', *arguments])
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(name).main()
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_picture_is_written(monkeypatch, tmp_path):
    path = tmp_path / 'a.png'
    monkeypatch.setattr('sys.argv', ['reward_detector_accuracy.py', '--picture', str(path)])
    importlib.import_module('reward_detector_accuracy').main()
    assert cv2.imread(str(path)).std() > 5
