# SPDX-License-Identifier: Apache-2.0
"""The line at the bottom of the operator's panel."""

from dataclasses import dataclass

from parl_files.episode import Outcome

STATES = ('idle', 'RESETTING', 'RUNNING', 'finished')
"""States of parl_msgs/EpisodeStatus."""


@dataclass
class PanelStatus:
    """What the operator should see at any time."""

    episode_id: str = ''
    state: int = 0
    """Of parl_msgs/EpisodeStatus."""
    outcome: Outcome | None = None
    """Of the last episode; None while it runs."""
    awaits_reset: bool = False
    """The objects are to be put back."""
    is_acting: bool = False
    """The operator's keys move the arm."""
    awaits_first_key: bool = False
    """The episode begins with the operator's first motion."""
    verdict: str = ''
    """Why the detector decides as it does."""
    trouble: str = ''
    """What diagnostics complain of."""

    def line(self) -> str:
        """All of it in one line, most urgent first."""
        state = ' '.join(
            word for word in (self.episode_id, STATES[self.state], self.outcome) if word
        )
        parts = (
            'PUT THE OBJECTS BACK, then ENTER (x refuses)' if self.awaits_reset else '',
            'YOU ACT' if self.is_acting else '',
            'move to begin' if self.awaits_first_key else '',
            self.trouble and f'! {self.trouble}',
            state,
            self.verdict and f'detector: {self.verdict}',
        )
        return ' | '.join(part for part in parts if part)
