# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_learner.offline.run.training_result import (
    Distillation,
    Evaluation,
    load_result,
    MARKDOWN_HEADER,
    markdown_row,
    score_interval,
    TrainingResult,
)


def evaluation(round_index, actor, scores, graded=False):
    return Evaluation(
        round=round_index, actor=actor, practice_steps=7, scores=scores, graded=graded
    )


def test_all_or_nothing_scores_get_wilsons_interval():
    low, high = score_interval((100.0,) * 8 + (0.0,) * 2, graded=False)
    assert low == pytest.approx(49.0, abs=0.1)  # Wilson, 8 of 10
    assert high == pytest.approx(94.3, abs=0.1)


def test_graded_scores_get_mean_and_standard_error():
    # mean 50, standard deviation 50, three episodes: 1.96 · 50 / √3 = 56.6, kept in 0…100
    assert score_interval((0.0, 50.0, 100.0), graded=True) == (0.0, 100.0)
    low, high = score_interval((50.0, 75.0, 50.0, 75.0), graded=True)
    assert low == pytest.approx(62.5 - 1.95996 * 14.4338 / 2, abs=1e-3)
    assert high == pytest.approx(62.5 + 1.95996 * 14.4338 / 2, abs=1e-3)
    assert score_interval((75.0,), graded=True) == (0.0, 100.0)


def test_a_result_survives_a_file_and_becomes_a_row(tmp_path):
    result = TrainingResult('maze', 3, {'name': 'maze'}, 'abc', seconds=90.0)
    result.add_distillation(Distillation(round=1, spread=0.5, target='argmax'))
    result.add_distillation(Distillation(round=1, spread=0.25, target='argmax'))
    result.evaluations.append(evaluation(0, 'policy', (0.0, 100.0)))
    result.evaluations.append(evaluation(4, 'optimised', (100.0, 100.0)))
    result.save(tmp_path / 'result.json')
    found = load_result(tmp_path / 'result.json')
    assert found == result
    assert [d.spread for d in found.distillations] == [0.25]
    assert found.has(4, 'optimised')
    assert not found.has(4, 'policy')
    row = markdown_row(found)
    assert row == '| maze | 3 | 50 (9 … 91, n=2) | – | – | 100 (34 … 100, n=2) | 7 | 1.5 min |'
    assert row.count('|') == MARKDOWN_HEADER.splitlines()[0].count('|')
