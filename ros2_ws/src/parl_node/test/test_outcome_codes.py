# SPDX-License-Identifier: Apache-2.0
from parl_files.episode import Outcome
from parl_msgs.msg import EpisodeStatus
from parl_node.outcome_codes import LABELS, outcome_code, OUTCOME_CODES, outcome_of


def test_every_outcome_has_a_number_of_its_own_name():
    assert set(OUTCOME_CODES) == set(Outcome)
    for outcome in Outcome:
        assert outcome_code(outcome) == getattr(EpisodeStatus, outcome.name)
        assert outcome_of(outcome_code(outcome)) is outcome


def test_an_episode_under_way_is_undecided():
    assert outcome_code(None) == EpisodeStatus.UNDECIDED
    assert outcome_of(EpisodeStatus.UNDECIDED) is None


def test_labels_end_an_episode_as_played_or_discarded():
    assert {label: outcome.is_played for label, outcome in LABELS.items()} == {
        1: True, 2: True, 3: False,
    }  # fmt: skip
