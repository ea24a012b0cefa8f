# SPDX-License-Identifier: Apache-2.0

import pytest

from parl_learner.training.critic_trainer_config import CriticTrainerConfig


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'imitation_batch_size': 0}, 'imitation_batch_size must be at least 1: 0'),
        ({'particle_refresh_steps': 0}, 'particle_refresh_steps must be at least 1'),
        ({'action_horizon': 0}, 'action_horizon must be at least 1'),
        ({'mixing_ratio': 1.5}, r'mixing_ratio must lie in \[0, 1\]'),
        ({'distillation_mixing_ratio': -0.1}, r'distillation_mixing_ratio must lie in \[0, 1\]'),
        ({'discount': 1.0}, r'discount must lie in \[0, 1\)'),
        ({'imitation_steps': -1}, 'imitation_steps must be 0 or more: -1'),
        ({'critic_updates_per_step': 0.0}, 'critic_updates_per_step must be more than 0: 0.0'),
        ({'critic_trainer': CriticTrainerConfig(algorithm='rlpd', subsample=3)}, 'raise critic'),
    ],
)
def test_impossible_settings_are_refused(learning, wrong, message):
    with pytest.raises(ValueError, match=message):
        learning(**wrong)
