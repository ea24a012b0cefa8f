# SPDX-License-Identifier: Apache-2.0
"""A tiny experiment whose first episodes are the policy's own, of pictures and the arm."""

from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_learner.training.learning_config import LearningConfig
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.critics.critic import CriticConfig

CAMERAS = {'camera': (16, 16)}
NAMES = (
    'ee_x', 'ee_y', 'ee_z', 'ee_rx', 'ee_ry', 'ee_rz', 'gripper_target', 'gripper_opening',
)  # fmt: skip
"""Numbers that a station with cameras gives: those of the arm."""
SEEN = {'names': NAMES, 'cameras': CAMERAS}
"""What `make_episode` needs for an episode of it."""


def zero_shot_experiment(**changes):
    """Settings; the critic learns from the two first episodes, the policy does not."""
    vision = {'pictures': {'camera': {'size': [16, 16]}}, 'encoder': {'widths': [4]}}
    learning = LearningConfig(
        policy_class='gaussian',
        policy={'hidden': [8], 'vision': vision},
        critic=CriticConfig(members=2, hidden=(8, 8), bins=11),
        critic_trainer=CriticTrainerConfig(cql_actions=2),
        optimisation=ActionOptimisationConfig(samples=4, particles=2, gradient_steps=2),
        imitation_batch_size=8,
        critic_batch_size=8,
        imitation_steps=0,
        offline_critic_steps=5,
        particle_refresh_steps=2,
    )
    settings = {
        'task': 'cup_to_rack',
        'seed': 3,
        'demonstrations': 2,
        'demonstrator': 'policy',
        'cameras': CAMERAS,
        'warm_up_episodes': 2,
        'practice_episodes': 2,
        'evaluation_episodes': 2,
        'learning': learning,
    }
    return ExperimentConfig(**(settings | changes))
