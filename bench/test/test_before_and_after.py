# SPDX-License-Identifier: Apache-2.0
import io
import sys

import before_and_after
import numpy as np
from PIL import Image
import pytest

from parl_files.episode import Episode
from parl_files.episode_file import episode_to_bytes

STEPS = 4


def write_episode(folder, episode_id, purpose, outcome, seed=0, steps=STEPS, has_frames=True):
    ends = np.arange(steps) == steps - 1
    is_success = outcome == 'success'
    episode = Episode(
        episode_id=episode_id,
        purpose=purpose,
        outcome=outcome,
        observation_names=('x',),
        observations=np.zeros((steps + 1, 1)),
        actions=np.zeros((steps, 7)),
        proposed_actions=np.zeros((steps, 7)),
        rewards=np.where(ends & is_success, 0.0, -1.0),
        terminated=ends & is_success,
        truncated=ends & (not is_success),
        stamps_s=0.2 * np.arange(steps + 1),
        verdicts=np.ones(steps + 1),
        policy_versions=[''] * (steps + 1),
        metadata={'seed': seed},
    )
    film = [(0.2 * step, jpeg(step)) for step in range(steps + 1)]
    frames = {'camera': film} if has_frames else None
    folder.mkdir(parents=True, exist_ok=True)
    name = f'{episode_id}-{outcome}.mcap'
    (folder / name).write_bytes(episode_to_bytes(episode, frames))


def jpeg(step):
    output = io.BytesIO()
    Image.new('RGB', (64, 48), (40 * step, 120, 200)).save(output, 'JPEG')
    return output.getvalue()


@pytest.fixture
def report(tmp_path):
    folder = tmp_path / 'report/artifacts'
    write_episode(folder, 'demonstrations-0000', 'demonstration', 'success')
    write_episode(folder, 'practice-0000', 'practice', 'timeout')
    write_episode(folder, 'practice-0001', 'practice', 'success')
    for start, (before, after) in enumerate(
        [('success', 'success'), ('timeout', 'timeout'), ('timeout', 'success')]
    ):
        write_episode(folder, f'imitation-000{start}', 'evaluation', before, start, STEPS + 2)
        write_episode(folder, f'distilled-000{start}', 'evaluation', after, start)
    write_episode(folder, 'distilled-0002', 'evaluation', 'aborted', 2)
    return folder.parent


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['before_and_after.py', *map(str, arguments)])
    before_and_after.main()


def test_the_start_that_failed_and_then_succeeded_is_shown(report):
    experiment = before_and_after.read_experiment(report)
    assert (experiment.demonstrations, experiment.practised) == (1, 2)
    ((before, after),) = before_and_after.chosen_pairs(experiment, 3)
    assert (before.seed, before.success, after.seed, after.success) == (2, False, 2, True)
    left, right = before_and_after.panels(experiment, (before, after))
    assert (left.count, right.count) == ('1 of 3 starts succeed', '2 of 3 starts succeed')


@pytest.mark.parametrize('suffix', ['.webp', '.gif'])
def test_it_moves_until_the_longer_side_is_over(report, monkeypatch, tmp_path, suffix):
    path = tmp_path / f'picture{suffix}'
    run(monkeypatch, report, '--out', path)
    with Image.open(path) as picture:
        assert picture.n_frames == STEPS + 3
        assert picture.info['loop'] == 0
        first = np.asarray(picture.convert('RGB'), dtype=int)
        picture.seek(picture.n_frames - 1)
        last = np.asarray(picture.convert('RGB'), dtype=int)
    side = before_and_after.PANEL_PX[0] + before_and_after.MARGIN_PX
    assert abs(last[200, 100] - first[200, 100]).max() > 50
    red, green = last[-60, 20], last[-60, side + 20]  # the words on them are white
    assert red[0] > red[1] + 80
    assert green[1] > green[0] + 60


@pytest.mark.parametrize(
    ('prepare', 'message'),
    [
        (lambda folder: None, '0 episodes of imitation and 0 of distilled'),
        (
            lambda folder: [
                write_episode(folder, f'{phase}-0000', 'evaluation', 'success')
                for phase in ('imitation', 'distilled')
            ],
            'no start failed before practice and succeeded after it',
        ),
        (
            lambda folder: [
                write_episode(folder, 'imitation-0000', 'evaluation', 'timeout', has_frames=False),
                write_episode(folder, 'distilled-0000', 'evaluation', 'success'),
            ],
            'no camera frames',
        ),
    ],
)
def test_what_is_missing_is_named(monkeypatch, capsys, tmp_path, prepare, message):
    prepare(tmp_path / 'artifacts')
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, tmp_path, '--out', tmp_path / 'a.webp')
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'a.webp').exists()


def test_another_kind_of_file_is_refused(monkeypatch, capsys, tmp_path):
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, '--out', 'a.mp4')
    assert 'a.mp4 must end in .webp or .gif' in capsys.readouterr().err
