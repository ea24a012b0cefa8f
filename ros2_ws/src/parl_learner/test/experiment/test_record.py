# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
import json
import os
import resource

import pytest

from parl_files.durable_file import DurableWriteError
from parl_learner.experiment.record import ExperimentRecord, ExperimentRecordError, RecordedStep

STEPS = [
    RecordedStep(phase='demonstrations', name='demonstrations-0000', seconds=2.5, steps=40),
    RecordedStep(phase='learning', name='version-1', seconds=90.0),
    RecordedStep(
        phase='practice',
        name='practice-0000',
        seconds=3.25,
        success=True,
        steps=2,
        decision_ms=(11.5, 13.0),
    ),
]


@pytest.fixture
def record(tmp_path):
    record = ExperimentRecord(tmp_path)
    for step in STEPS:
        record.add(step)
    return record


def test_what_was_added_is_read_back(record, tmp_path):
    assert record.steps() == STEPS
    assert ExperimentRecord(tmp_path).steps() == STEPS


def test_an_empty_folder_has_no_steps(tmp_path):
    assert ExperimentRecord(tmp_path).steps() == []


def test_every_cut_off_last_line_is_cut_away(record, tmp_path):
    path = tmp_path / 'experiment.jsonl'
    whole = path.read_bytes()
    kept = whole[: whole.rfind(b'\n', 0, -1) + 1]
    for length in (len(kept) + 1, len(whole) - 20, len(whole) - 1):
        path.write_bytes(whole[:length])
        continued = ExperimentRecord(tmp_path)
        assert path.read_bytes() == kept
        continued.add(STEPS[2])
        assert continued.steps() == STEPS


@pytest.mark.parametrize(
    'line',
    [
        b'half a li',
        b'',
        b'5',
        b'\xff',
        b'{"phase": "practice"}',
        b'{"phase": "a", "name": "b", "seconds": 1.0, "mood": "good"}',
        b'{"phase": "a", "name": "b", "seconds": "long"}',
    ],
)
def test_a_line_that_is_no_step_is_named(record, tmp_path, line):
    path = tmp_path / 'experiment.jsonl'
    lines = path.read_bytes().splitlines()
    path.write_bytes(b'\n'.join([lines[0], line, *lines[1:], b'']))
    damaged = ExperimentRecord(tmp_path)
    with pytest.raises(ExperimentRecordError, match=f'{path}, line 2: .*; delete that line'):
        damaged.steps()


def test_a_record_that_is_no_file_is_named(tmp_path):
    (tmp_path / 'experiment.jsonl').mkdir()
    with pytest.raises(ExperimentRecordError, match=r'cannot use .*\.jsonl: .*directory'):
        ExperimentRecord(tmp_path)


def test_a_full_disk_is_named_and_costs_no_line(record, tmp_path):
    path = tmp_path / 'experiment.jsonl'
    whole = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, limits[1]))
    try:
        with pytest.raises(DurableWriteError, match=f'could not write {path}'):
            record.add(STEPS[2])
        assert path.read_bytes() == whole
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    record.add(STEPS[2])
    assert record.steps() == STEPS


def test_a_line_is_on_the_disk_when_it_was_added(record, tmp_path, monkeypatch):
    path = tmp_path / 'experiment.jsonl'
    synced = []

    def note(descriptor):
        synced.append((os.path.samestat(os.fstat(descriptor), path.stat()), path.read_bytes()))

    monkeypatch.setattr(os, 'fsync', note)
    record.add(STEPS[0])
    assert synced == [(True, path.read_bytes())]


def test_a_step_recorded_twice_counts_once(record):
    again = replace(STEPS[0], success=True)
    record.add(again)
    assert record.steps() == [again, *STEPS[1:]]


def test_lines_are_json_for_anybody(record, tmp_path):
    lines = (tmp_path / 'experiment.jsonl').read_text().splitlines()
    assert json.loads(lines[2])['decision_ms'] == [11.5, 13.0]
    assert len(lines) == 3
