# SPDX-License-Identifier: Apache-2.0
"""The line at the bottom of the operator's panel."""

from dataclasses import dataclass

from parl_files.episode import Outcome

STATES = ('idle', 'RESETTING', 'RUNNING', 'finished')
"""States of parl_msgs/EpisodeStatus."""


@dataclass
class PanelStatus:
    """All that the operator sees at any time."""

    episode_id: str = ''
    state: int = 0
    """State of the episode, from parl_msgs/EpisodeStatus."""
    outcome: Outcome | None = None
    """Outcome of the last episode; None while an episode runs."""
    awaits_reset: bool = False
    """Whether the operator must put the objects back."""
    is_acting: bool = False
    """Whether the operator's keys move the arm."""
    awaits_first_key: bool = False
    """Whether the episode waits for the operator's first motion."""
    verdict: str = ''
    """The reason for the detector's verdict."""
    trouble: str = ''
    """The warnings and errors in the diagnostics."""

    def line(self) -> str:
        """Return all of it in one line, the most urgent first."""
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
