# SPDX-License-Identifier: Apache-2.0
"""A `parl-train` run on one page: data, rewards, environment, learning, practice, evaluation."""

from dataclasses import dataclass, field

from parl_learner.offline.data.dataset import DatasetConfig
from parl_learner.offline.data.dataset_check import DatasetCheck
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.environments.environment import EnvironmentConfig
from parl_learner.plan.learning_config import LearningConfig


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Offline pre-training, then rounds of practice in an environment if there is one."""

    name: str
    """Of the task, for the result."""
    seed: int = 0
    """Of everything random."""
    dataset: DatasetConfig
    reward: RewardConvention = field(default_factory=RewardConvention)
    environment: EnvironmentConfig | None = None
    """None trains offline and evaluates nothing."""
    binary_actions: tuple[int, ...] = ()
    """Entries of an action that are only ever -1 or 1: a gripper."""
    learning: LearningConfig
    warm_up_episodes: int = 1
    """Practice episodes before the first online update."""
    practice_episodes: int = 0
    """Practice episodes in all, warm-up included."""
    episodes_per_round: int = 1
    """Practice episodes between updates, after the warm-up."""
    evaluation_episodes: int = 32
    """Episodes of each evaluation; all evaluations start from the same states."""
    rounds_per_evaluation: int = 50
    """Practice rounds between evaluations; the first and the last version are always evaluated."""
    parallel_environments: int = 10
    """Environments that share each decision."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in (
            'episodes_per_round',
            'evaluation_episodes',
            'rounds_per_evaluation',
            'parallel_environments',
        ):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1: {getattr(self, name)}')
        for name in ('seed', 'warm_up_episodes', 'practice_episodes'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name} must be 0 or more: {getattr(self, name)}')
        if self.practice_episodes and self.environment is None:
            raise ValueError(
                f'practice_episodes is {self.practice_episodes} but there is no environment to '
                'practise in; set it to 0 or describe the environment'
            )
        if self.learning.method == 'dppo':
            raise ValueError(
                "method dppo learns from the station's episodes alone, which keep their seeds; "
                'run it with an experiment file (baselines/dppo.yaml)'
            )

    @property
    def practice_rounds(self) -> list[int]:
        """Episodes of each practice round."""
        left = self.practice_episodes
        rounds: list[int] = []
        while left > 0:
            planned = self.warm_up_episodes or self.episodes_per_round
            count = min(self.episodes_per_round if rounds else planned, left)
            rounds.append(count)
            left -= count
        return rounds

    def is_evaluated(self, round_index: int) -> bool:
        """Whether a version is evaluated: round 0 is pre-training."""
        last = len(self.practice_rounds)
        return round_index in (0, last) or round_index % self.rounds_per_evaluation == 0

    @property
    def check(self) -> DatasetCheck:
        """What the data has to fit."""
        critic = self.learning.critic
        has_support = self.learning.trains_critic and critic.head == 'hl_gauss'
        return DatasetCheck(
            dataset=self.dataset,
            convention=self.reward,
            discount=self.learning.discount,
            failure_return=self.learning.failure_return,
            support=critic.support if has_support else None,
            needs_success=self.learning.method != 'frozen',
            practises=self.practice_episodes > 0,
            binary_actions=self.binary_actions,
        )
