# SPDX-License-Identifier: Apache-2.0
"""Converts outcomes of an episode to the numbers that messages carry and back."""

from parl_files.episode import Outcome
from parl_msgs.msg import EpisodeStatus
from parl_msgs.srv import LabelEpisode

OUTCOME_CODES = {
    Outcome.SUCCESS: EpisodeStatus.SUCCESS,
    Outcome.TIMEOUT: EpisodeStatus.TIMEOUT,
    Outcome.FAILED: EpisodeStatus.FAILED,
    Outcome.ABORTED: EpisodeStatus.ABORTED,
    Outcome.DISCARDED: EpisodeStatus.DISCARDED,
}
LABELS = {
    LabelEpisode.Request.SUCCESS: Outcome.SUCCESS,
    LabelEpisode.Request.FAILURE: Outcome.FAILED,
    LabelEpisode.Request.DISCARD: Outcome.DISCARDED,
}
"""Outcome that each label of the operator gives to the running episode."""


def outcome_code(outcome: Outcome | None) -> int:
    """Return the number of an outcome; for None, the number of undecided."""
    code: int = EpisodeStatus.UNDECIDED if outcome is None else OUTCOME_CODES[outcome]
    return code


def outcome_of(code: int) -> Outcome | None:
    """Return the outcome that a number stands for; None while the episode is undecided."""
    return next((outcome for outcome, number in OUTCOME_CODES.items() if number == code), None)
