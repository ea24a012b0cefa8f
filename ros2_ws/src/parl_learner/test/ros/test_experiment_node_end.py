# SPDX-License-Identifier: Apache-2.0
"""How an experiment ends whose folder cannot be used: one line that names it, exit code 2."""

import json
import signal
import sys

import pytest
import yaml

from parl_files.config_file import to_mapping
from parl_learner.ros import experiment_node


@pytest.fixture
def end(ros_domain_id, monkeypatch, capfd, experiment, tmp_path):
    """Runs main() on the data folder `tmp_path / 'data'`; gives exit code and last line."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    settings, task = tmp_path / 'experiment.yaml', tmp_path / 'task.yaml'
    settings.write_text(yaml.safe_dump(json.loads(json.dumps(to_mapping(experiment())))))
    task.write_text('{task: cup_to_rack, horizon: 60, control_rate_hz: 5.0}')
    words = ['experiment_node', '--ros-args']
    for name, value in (
        ('data_folder', tmp_path / 'data'),
        ('experiment_file', settings),
        ('task_file', task),
    ):
        words += ['-p', f'{name}:={value}']
    monkeypatch.setattr(sys, 'argv', words)

    def run():
        with pytest.raises(SystemExit) as stop:
            experiment_node.main()
        return stop.value.code, capfd.readouterr().err.splitlines()[-1]

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('begun_with.json', b'{"experiment": ', 'begun_with.json is damaged'),
        ('experiment.jsonl', b'junk\n', 'experiment.jsonl, line 1: '),
        ('artifacts', b'', 'artifacts: File exists'),
    ],
)
def test_a_damaged_file_is_named(end, tmp_path, name, content, words):
    folder = tmp_path / 'data'
    folder.mkdir()
    (folder / name).write_bytes(content)
    code, said = end()
    assert code == 2
    assert said.startswith('experiment stopped: ')
    assert words in said


def test_a_full_disk_is_named(end, monkeypatch):
    def no_room(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.fsync', no_room)
    code, said = end()
    assert code == 2
    assert 'begun_with.json: No space left on device' in said
