# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
import json

import pytest

from parl_learner.experiment_record import ExperimentRecord, RecordedStep

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


def test_a_step_recorded_twice_counts_once(record):
    again = replace(STEPS[0], success=True)
    record.add(again)
    assert record.steps() == [again, *STEPS[1:]]


def test_lines_are_json_for_anybody(record, tmp_path):
    lines = (tmp_path / 'experiment.jsonl').read_text().splitlines()
    assert json.loads(lines[2])['decision_ms'] == [11.5, 13.0]
    assert len(lines) == 3
