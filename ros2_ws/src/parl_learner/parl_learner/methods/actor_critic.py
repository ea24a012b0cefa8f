# SPDX-License-Identifier: Apache-2.0
"""The base class of methods that update policy and critic in turns."""

from abc import abstractmethod
from typing import ClassVar

from parl_learner.methods.method import LearningMethod, PracticeRound
from parl_learner.methods.stage import Stage, StageName


class ActorCritic(LearningMethod):
    """Base of the methods that follow the critic while it learns."""

    learns_with_critic: ClassVar[bool] = True

    @abstractmethod
    def follow_critic(self) -> None:
        """Do one policy update."""

    def practice_stages(self, practice: PracticeRound) -> tuple[Stage, ...]:
        """See LearningMethod."""
        ratio = self.config.policy_updates_per_step / self.config.critic_updates_per_step
        return (
            self._sampling_stage(practice.rows),
            self._critic_stage(self._critic_steps(practice), ratio),
        )

    def _critic_stage(self, steps: int, ratio: float = 1.0) -> Stage:
        """Return a stage of critic updates, with `ratio` policy updates for each."""

        def improve_both(unit: int) -> None:
            self.units.improve_critic(unit)
            for _ in range(stage.updates(unit)[0]):
                self.follow_critic()

        stage = Stage(
            StageName.ACTOR_CRITIC,
            steps,
            improve_both,
            policy_updates=ratio,
            critic_updates=1.0,
        )
        return stage
