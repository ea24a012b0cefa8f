# SPDX-License-Identifier: Apache-2.0
"""Filtered imitation: after every round the policy imitates the successes, without a critic."""

from typing import ClassVar

from parl_learner.methods.method import LearningMethod, PracticeRound
from parl_learner.methods.stage import Stage, StageName


class FilteredImitation(LearningMethod):
    """Learns nothing until there is a success."""

    trains_critic: ClassVar[bool] = False

    def practice_stages(self, practice: PracticeRound) -> tuple[Stage, ...]:
        """See LearningMethod."""
        return (
            Stage(
                StageName.IMITATING_SUCCESSES,
                self._policy_steps(practice) * practice.has_successes,
                lambda _: self.units.imitate_successes(),
                policy_updates=1.0,
            ),
        )
