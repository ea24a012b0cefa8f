# SPDX-License-Identifier: Apache-2.0
"""PA-RL (arXiv 2412.06685): the policy learns the actions of π_opt with its own loss."""

from parl_learner.methods.method import LearningMethod, PracticeRound, sampling_blocks
from parl_learner.methods.stage import Stage, StageName
from parl_learner.training.distillation_rule import chosen_target, TaughtTarget
from parl_learner.training.learning_config import LearningConfig


class PaRl(LearningMethod):
    """Distils the actions that search and gradient ascent on Q have found (Eq. 4.4, 4.5)."""

    @classmethod
    def evaluates_with_critic(cls, config: LearningConfig) -> bool:
        """See LearningMethod; the policy learns from π_opt, also if it practises alone."""
        return True

    @classmethod
    def uses_candidates(cls, config: LearningConfig) -> bool:
        """See LearningMethod; particles begin as samples with every critic algorithm."""
        return True

    @property
    def distillation_target(self) -> TaughtTarget:
        """Particles that the policy is taught, by the spread that was measured last."""
        return chosen_target(
            self.config.distillation_target,
            self.counters.distillation_spread,
            self.config.smallest_spread,
        )

    def practice_stages(self, practice: PracticeRound) -> tuple[Stage, ...]:
        """See LearningMethod; `practice_order` gives the order."""
        sampling = self._sampling_stage(practice.rows)
        critic = self._critic_stage(self._critic_steps(practice))
        distilling = Stage(
            StageName.DISTILLING, self._policy_steps(practice), self._distil, policy_updates=1.0
        )
        if self.config.practice_order == 'critic_first':
            return (sampling, critic, distilling)
        sampling_new = Stage(
            StageName.SAMPLING_NEW,
            sampling_blocks(practice.new_rows),
            lambda _: self.units.sample_next(),
        )
        return (sampling_new, distilling, sampling, critic)

    def _distil(self, unit: int) -> None:
        if unit == 0:
            self.counters.distillation_spread = self.units.begin_distilling()
            self.counters.changed_token_share = self.units.changed_token_share()
        self.units.distil(self.distillation_target)
