# SPDX-License-Identifier: Apache-2.0
"""The pre-trained policy without further learning, for comparison."""

from typing import ClassVar

from parl_learner.methods.method import LearningMethod, PracticeRound
from parl_learner.methods.stage import Stage


class Frozen(LearningMethod):
    """Learns nothing from practice."""

    trains_critic: ClassVar[bool] = False
    needs_success: ClassVar[bool] = False

    def practice_stages(self, practice: PracticeRound) -> tuple[Stage, ...]:
        """See LearningMethod."""
        del practice
        return ()
