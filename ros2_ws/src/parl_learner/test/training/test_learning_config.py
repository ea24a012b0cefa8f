# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest

from parl_files.config_file import ConfigError, from_mapping
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_policy.critics.critic import CriticConfig


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'imitation_batch_size': 0}, 'imitation_batch_size must be at least 1: 0'),
        ({'particle_refresh_steps': 0}, 'particle_refresh_steps must be at least 1'),
        ({'action_horizon': 0}, 'action_horizon must be at least 1'),
        ({'practice_samples': 1}, r'practice_samples must lie in .*, 2…4: 1'),
        ({'practice_samples': 5}, r'practice_samples must lie in .*, 2…4: 5'),
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


def seen(camera='camera', widths=(8,), kind='waypoints', **part):
    pictures = {camera: {'size': [32, 32], **part}}
    return {'pictures': pictures, 'encoder': {'kind': kind, 'widths': list(widths)}}


@pytest.mark.parametrize(
    ('policy', 'critic', 'message'),
    [
        (None, seen(), 'policy.vision has no waypoints, but critic.vision has'),
        (seen(kind='keypoints'), seen(), 'policy.vision has no waypoints, but critic.vision has'),
        (seen(), seen(widths=(4,)), 'give both the same pictures and widths'),
        (seen(), seen('wrist'), 'give both the same pictures and widths'),
        (seen(), seen(rows=[0.1, 0.9]), 'give both the same pictures and widths'),
    ],
)
def test_waypoints_that_nobody_teaches_are_refused(learning, policy, critic, message):
    sighted = from_mapping(CriticConfig, {'members': 2, 'bins': 11, 'vision': critic}, 'critic')
    with pytest.raises(ConfigError, match=message):
        learning(policy={'vision': policy}, critic=sighted)
    fitting = {'vision': policy or critic}
    assert learning(policy=fitting, critic=dataclasses.replace(sighted, vision=None))


@pytest.mark.parametrize(('own', 'base'), [('waypoints', 'keypoints'), ('keypoints', 'waypoints')])
def test_both_parts_of_an_edited_policy_see_waypoints_or_none_does(learning, own, base):
    policy = {'vision': seen(kind=own), 'base': {'vision': seen(kind=base)}}
    with pytest.raises(ConfigError, match=r'policy\.base\.vision has .*: give both the same'):
        learning(policy_class='edited', policy=policy)
