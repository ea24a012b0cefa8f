# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json

import cv2
import numpy as np
import pytest

from parl_files.episode import Episode
from parl_files.episode_file import episode_to_bytes
from parl_learner.plan.gate import GateResult
from parl_learner.report.calibration_figure import binned_means, calibration_of
from parl_learner.report.duration import duration
from parl_learner.report.episode_video import count_frames, EpisodeVideoError, write_episode_video
from parl_learner.report.learner_log import LearnerLogError, read_learner_log
from parl_learner.report.learning_curve import evaluation_places, running_rate
from parl_learner.report.report import gate_table, result_table, write_report
from parl_learner.report.report_data import Calibration, EvaluationResult, PhaseTime, ReportData

COUNT = 3


def make_episode(episode_id, purpose, success, start_s):
    ends = np.arange(COUNT) == COUNT - 1
    return Episode(
        episode_id=episode_id,
        purpose=purpose,
        outcome='success' if success else 'timeout',
        observation_names=['x'],
        observations=np.arange(COUNT + 1)[:, None],
        actions=np.zeros((COUNT, 7)),
        proposed_actions=np.zeros((COUNT, 7)),
        rewards=np.where(ends & success, 0, -1),
        terminated=ends & success,
        truncated=ends & (not success),
        stamps_s=start_s + np.arange(COUNT + 1),
        verdicts=np.ones(COUNT + 1),
        policy_versions=[''] * (COUNT + 1),
    )


def jpeg_frames():
    pictures = [np.full((120, 160, 3), 40 * index, np.uint8) for index in range(COUNT + 1)]
    return [
        (float(index), cv2.imencode('.jpg', picture)[1].tobytes())
        for index, picture in enumerate(pictures)
    ]


EVALUATIONS = [
    EvaluationResult(
        label='imitation alone',
        successes=4,
        episodes=10,
        mean_steps=50.0,
        seconds=65.4,
        episode_ids=['before'],
    ),
    EvaluationResult(
        label='fine-tuned',
        successes=9,
        episodes=10,
        mean_steps=31.25,
        seconds=3725,
        practised_episodes=6,
        episode_ids=['after'],
    ),
]


@pytest.fixture
def data_folder(tmp_path):
    folder = tmp_path / 'episodes'
    folder.mkdir()
    recorded = [(f'p{index}', 'practice', index > 2) for index in range(6)]
    recorded += [('before', 'evaluation', False), ('after', 'evaluation', True)]
    for number, (name, purpose, success) in enumerate(recorded):
        episode = make_episode(name, purpose, success, 100.0 * number)
        frames = {'camera': jpeg_frames()} if purpose == 'evaluation' else None
        (folder / f'episode-{number}.mcap').write_bytes(episode_to_bytes(episode, frames))
    return folder


def test_aborted_attempts_of_an_evaluation_are_told(tmp_path, data_folder):
    data = ReportData(
        task='cup_to_rack', seed=0, evaluations=EVALUATIONS, episode_folder=data_folder
    )
    assert 'Aborted' not in write_report(tmp_path / 'report', data).read_text(encoding='utf-8')
    for number, name in enumerate(('after', 'after', 'p1')):
        episode = make_episode(name, 'evaluation', False, 900.0 + 100.0 * number)
        content = episode_to_bytes(dataclasses.replace(episode, outcome='aborted'))
        (data_folder / f'aborted-{number}.mcap').write_bytes(content)
    text = write_report(tmp_path / 'report', data).read_text(encoding='utf-8')
    assert 'played again from another start and not counted: 2 of *fine-tuned*.' in text


def is_png(path):
    image = cv2.imread(str(path))
    return image is not None and image.shape[0] > 300 and image.std() > 5


def test_whole_report(tmp_path, data_folder):
    log = tmp_path / 'learner.jsonl'
    log.write_text(
        ''.join(
            json.dumps({'seconds': t, 'critic_loss': 1.0 / (t + 1), 'mean_q': -t}) + '\n'
            for t in range(20)
        )
    )
    (data_folder / 'broken.mcap').write_bytes(b'junk')
    data = ReportData(
        task='cup_to_rack',
        seed=0,
        evaluations=EVALUATIONS,
        phases=[PhaseTime(label='offline', seconds=60), PhaseTime(label='online', seconds=90)],
        episode_folder=data_folder,
        calibration=Calibration(
            q_values=np.array([-3.0, -1.0]),
            returns=np.array([-2.0, 0.0]),
            successes=np.array([True, False]),
        ),
        learner_log=log,
    )
    text = write_report(tmp_path / 'report', data).read_text(encoding='utf-8')
    assert '| fine-tuned | 9/10 (90%) | 60% … 98% | 31.2 | 6 | 1 h 02 min |' in text
    assert 'over *imitation alone*: +50 points' in text
    assert '| **together** | **2 min 30 s** |' in text
    assert 'broken.mcap: not an MCAP file' in text
    for name in ('learning_curve.png', 'q_calibration.png', 'training.png'):
        assert f'({name})' in text
        assert is_png(tmp_path / 'report' / name)
    for name in ('failure_before.mp4', 'success_after.mp4'):
        assert f'[{name}]({name})' in text
        assert count_frames(tmp_path / 'report' / name) == COUNT + 1 + 5


def test_report_names_what_is_missing(tmp_path):
    data = ReportData(
        task='t', seed=1, evaluations=EVALUATIONS[:1], episode_folder=tmp_path / 'none'
    )
    text = write_report(tmp_path / 'report', data).read_text(encoding='utf-8')
    assert 'No film of a failure' in text
    assert 'No film of a success' in text
    assert 'No calibration' in text
    assert sorted(path.name for path in (tmp_path / 'report').iterdir()) == [
        'learning_curve.png',
        'report.md',
    ]


def test_what_cannot_be_written_is_named_on_the_page(tmp_path, data_folder):
    log = tmp_path / 'learner.jsonl'
    log.write_text('{"seconds": 1, "mean_q": 5}\n' * 2)
    data = ReportData(
        task='cup_to_rack',
        seed=0,
        evaluations=EVALUATIONS,
        episode_folder=data_folder,
        calibration=Calibration(
            q_values=np.zeros(2), returns=np.zeros(2), successes=np.zeros(2, bool)
        ),
        learner_log=log,
    )
    names = ('learning_curve.png', 'q_calibration.png', 'training.png', 'success_after.mp4')
    for name in names:
        (tmp_path / 'report' / name).mkdir(parents=True)
    text = write_report(tmp_path / 'report', data).read_text(encoding='utf-8')
    for name in names:
        assert f'could not write {tmp_path / "report" / name}: Is a directory' in text
        assert f'({name})' not in text
    assert '[failure_before.mp4](failure_before.mp4)' in text
    assert sorted(path.name for path in (tmp_path / 'report').iterdir()) == sorted(
        ['failure_before.mp4', 'report.md', *names]
    )


def test_table_is_one_row_for_each_evaluation():
    lines = result_table(EVALUATIONS).splitlines()
    assert len(lines) == 4
    assert len({line.count('|') for line in lines}) == 1
    assert lines[2].startswith('| imitation alone | 4/10 (40%) | 17% … 69% | 50.0 | 0 | 1 min 05')


def test_table_of_the_gate():
    gate = [
        GateResult(version=1, successes=14, episodes=20, rival=0, rival_successes=0),
        GateResult(version=2, successes=11, episodes=20, rival=1, rival_successes=14),
    ]
    lines = gate_table(gate).splitlines()
    assert lines[4:6] == ['| 1 | 14/20 | kept |', '| 2 | 11/20 | put back to version 1 |']
    assert 'Version 1 is the one' in lines[-1]
    assert gate_table([]) == ''


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(0.4, '0 s'), (59.4, '59 s'), (59.6, '1 min 00 s'), (3600, '1 h 00 min')],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_running_rate_by_hand():
    rates = running_rate(np.array([True, False, True, True, False]), 3)
    np.testing.assert_allclose(rates, [1, 1 / 2, 2 / 3, 2 / 3, 2 / 3])


def test_no_evaluation_covers_another_on_the_curve():
    places = evaluation_places([0, 0, 100, 100], 100)
    np.testing.assert_allclose(places, [-6, -3, 103, 106])


def test_binned_means_by_hand():
    x, y = binned_means(np.array([4.0, 1, 3, 2]), np.array([40.0, 10, 30, 20]), 2)
    assert x.tolist() == [1.5, 3.5]
    assert y.tolist() == [15.0, 35.0]


def test_calibration_pairs_q_with_the_return_that_followed():
    episodes = [
        make_episode('s', 'evaluation', True, 0.0),
        make_episode('f', 'evaluation', False, 9.0),
    ]
    result = calibration_of(episodes, lambda episode: episode.observations[:-1, 0], 0.5)
    assert result.q_values.tolist() == [0, 1, 2, 0, 1, 2]
    # -1 - 0.5, -1, 0; a time-out goes on failing: -1 / (1 - 0.5).
    assert result.returns.tolist() == [-1.5, -1, 0, -2, -2, -2]
    assert result.successes.tolist() == [True] * 3 + [False] * 3
    assert len(calibration_of([], lambda episode: episode.observations, 0.5).q_values) == 0


def test_log_ignores_a_last_line_cut_off(tmp_path):
    path = tmp_path / 'log.jsonl'
    path.write_text('{"seconds": 1, "phase": "critic"}\n{"seconds": 2, "mean_q": 5}\n{"seco')
    log = read_learner_log(path)
    assert log['seconds'].tolist() == [1, 2]
    np.testing.assert_array_equal(log['mean_q'], [np.nan, 5])
    for line in ('{"seco', '5', 'null'):
        path.write_text(f'{line}\n{{"seconds": 2}}\n')
        with pytest.raises(LearnerLogError, match='line 1'):
            read_learner_log(path)


def test_video_needs_frames_that_are_pictures(tmp_path):
    with pytest.raises(EpisodeVideoError, match='no camera frames'):
        write_episode_video(tmp_path / 'a.mp4', [], 5.0, 'nothing')
    with pytest.raises(EpisodeVideoError, match=r'frame 0 \(4 bytes\) is not a JPEG'):
        write_episode_video(tmp_path / 'a.mp4', [(0.0, b'junk')], 5.0, 'junk')
    assert list(tmp_path.iterdir()) == []


def test_impossible_results_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'x': 3 successes of 2"):
        EvaluationResult(label='x', successes=3, episodes=2, mean_steps=1.0, seconds=1.0)
    with pytest.raises(ValueError, match='at least one evaluation'):
        ReportData(task='t', seed=0, evaluations=[], episode_folder=tmp_path)
    with pytest.raises(ValueError, match='calibration'):
        Calibration(q_values=np.zeros(2), returns=np.zeros(3), successes=np.zeros(2, bool))
