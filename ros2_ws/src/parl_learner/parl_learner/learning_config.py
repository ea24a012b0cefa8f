# SPDX-License-Identifier: Apache-2.0
"""All numbers of one learning run, as the `learning` section of an experiment file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from parl_learner.critic_trainer import CriticTrainerConfig
from parl_learner.policy_trainer import PolicyTrainerConfig
from parl_learner.returns import FailureReturn
from parl_policy.action_optimisation import ActionOptimisationConfig
from parl_policy.critic import CriticConfig


@dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """Defaults are the paper's; an experiment file overrides what its budget needs."""

    method: Literal['pa_rl', 'filtered_imitation', 'frozen'] = 'pa_rl'
    """PA-RL, or a baseline: imitate successes only, or leave the pre-trained policy alone."""
    policy_class: str = 'diffusion'
    """Key of `parl_policy.policy_classes.POLICY_CLASSES`."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """Fields of that class's config."""
    policy_trainer: PolicyTrainerConfig = field(default_factory=PolicyTrainerConfig)
    critic: CriticConfig = field(default_factory=CriticConfig)
    critic_trainer: CriticTrainerConfig = field(default_factory=CriticTrainerConfig)
    optimisation: ActionOptimisationConfig = field(default_factory=ActionOptimisationConfig)
    choice: Literal['argmax', 'softmax'] = 'softmax'
    """Particle that acts on the robot: drawn from softmax(Q), or the best (paper: AntMaze)."""
    discount: float = 0.99
    failure_return: FailureReturn = 'endless'
    """Return of an episode that timed out; see `monte_carlo_returns`."""
    imitation_batch_size: int = 1024
    """States in a policy update."""
    critic_batch_size: int = 256
    """Transitions in a critic update."""
    mixing_ratio: float = 0.5
    """Share of demonstrations in a batch while practising."""
    imitation_steps: int = 20_000
    """Policy updates on the demonstrations."""
    offline_critic_steps: int = 500_000
    """Critic updates on the demonstrations."""
    policy_updates_per_step: float = 1.0
    """Distillation updates for each practised control step."""
    critic_updates_per_step: float = 1.0
    """Critic updates for each practised control step."""
    distillation_target: Literal['softmax', 'argmax'] = 'softmax'
    """Particle the policy is taught: drawn from softmax(Q), or the best."""
    particle_refresh_steps: int = 1
    """Critic updates for which π_opt's particles are kept.

    1 optimises the batch's actions anew for every update, as the paper does; a larger number
    optimises all rows once and then reuses them, which is what two cores can afford.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in ('imitation_batch_size', 'critic_batch_size', 'particle_refresh_steps'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1: {getattr(self, name)}')
        if not 0.0 <= self.mixing_ratio <= 1.0 or not 0.0 <= self.discount < 1.0:
            raise ValueError(
                f'mixing_ratio must lie in [0, 1] and discount in [0, 1): '
                f'{self.mixing_ratio}, {self.discount}'
            )
