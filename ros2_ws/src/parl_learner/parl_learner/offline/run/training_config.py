# SPDX-License-Identifier: Apache-2.0
"""The configuration of a `parl-train` run: data, rewards, environment, learning and practice."""

from dataclasses import dataclass, field

from parl_learner.methods.registry import method_of
from parl_learner.offline.data.dataset import DatasetConfig
from parl_learner.offline.data.dataset_check import DatasetCheck
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.environments.environment import EnvironmentConfig
from parl_learner.plan.practice_config import PracticeConfig
from parl_learner.training.learning_config import LearningConfig
from parl_policy.observations import needs_of, ObservationNeeds
from parl_policy.policies.registry import policy_needs


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(PracticeConfig):
    """Offline pre-training, then rounds of practice in an environment if there is one."""

    name: str
    """Name of the task, for the result."""
    dataset: DatasetConfig
    reward: RewardConvention = field(default_factory=RewardConvention)
    environment: EnvironmentConfig | None = None
    """Environment for practice and evaluation; None trains offline and evaluates nothing."""
    binary_actions: tuple[int, ...] = ()
    """Entries of an action that are only -1 or 1, such as a gripper."""
    learning: LearningConfig
    rounds_per_evaluation: int = 50
    """Practice rounds between evaluations; the first and the last version are always evaluated."""
    parallel_environments: int = 10
    """Environments that share each decision."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super().__post_init__()
        for name in ('rounds_per_evaluation', 'parallel_environments'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1: {getattr(self, name)}')
        if self.practice_episodes and self.environment is None:
            raise ValueError(
                f'practice_episodes is {self.practice_episodes} but there is no environment to '
                'practise in; set it to 0 or describe the environment'
            )
        if method_of(self.learning).needs_seeds:
            raise ValueError(
                f"method {str(self.learning.method)!r} learns only from the station's episodes, "
                'which keep their seeds; run it with an experiment file'
            )

    def is_evaluated(self, round_index: int) -> bool:
        """Return whether the version of a round is evaluated; round 0 is pre-training."""
        last = len(self.practice_rounds)
        return round_index in (0, last) or round_index % self.rounds_per_evaluation == 0

    @property
    def check(self) -> DatasetCheck:
        """Check that the data must pass."""
        critic, method = self.learning.critic, method_of(self.learning)
        has_support = method.trains_critic and critic.head == 'hl_gauss'
        return DatasetCheck(
            dataset=self.dataset,
            convention=self.reward,
            discount=self.learning.discount,
            failure_return=self.learning.failure_return,
            support=critic.support if has_support else None,
            needs_success=method.needs_success,
            practises=self.practice_episodes > 0,
            binary_actions=self.binary_actions,
            needs=self.needs,
        )

    @property
    def needs(self) -> dict[str, ObservationNeeds]:
        """What policy and critic need besides numbers.

        Raises:
            ConfigError: The settings of the policy are wrong.
        """
        learning = self.learning
        return {
            'policy': policy_needs(learning.policy_class, learning.policy, 'learning.policy'),
            'critic': needs_of(learning.critic),
        }
