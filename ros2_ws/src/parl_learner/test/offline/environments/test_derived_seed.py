# SPDX-License-Identifier: Apache-2.0
from parl_learner.offline.environments.derived_seed import derived_seed


def test_no_seed_of_training_practises_on_the_starts_of_evaluations():
    evaluation = {derived_seed('evaluation', number) for number in range(100)}
    practice = {derived_seed('practice', seed, n) for seed in range(20) for n in range(100)}
    assert len(evaluation) == 100
    assert len(practice) == 2000
    assert not evaluation & practice


def test_seeds_stay_what_they_are():
    """Else a run that is continued, or repeated, would have other starts."""
    assert [derived_seed('evaluation', 0), derived_seed('practice', 9, 0)] == [
        2368999234,
        574162792,
    ]
