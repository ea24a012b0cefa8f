# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest

from parl_files.config_file import ConfigError, from_mapping
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_policy.critics.critic import CriticConfig


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'takeover_weight': -0.5}, 'takeover_weight must be 0 or more: -0.5'),
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
    'critic', [seen(widths=(4,)), seen('wrist'), seen(rows=[0.1, 0.9])], ids=str
)
@pytest.mark.parametrize('taught_by', ['policy', 'policy.base'])
def test_waypoints_that_differ_are_refused(learning, critic, taught_by):
    sighted = from_mapping(CriticConfig, {'members': 2, 'bins': 11, 'vision': critic}, 'critic')
    kinds = {'policy_class': 'edited'} if taught_by == 'policy.base' else {}
    policy = {'base': {'vision': seen()}} if kinds else {'vision': seen()}
    with pytest.raises(ConfigError, match=rf'{taught_by}\.vision has .*, but critic\.vision has .*'
                       'give both the same pictures and widths'):  # fmt: skip
        learning(policy=policy, critic=sighted, **kinds)
    assert learning(policy=policy, critic=dataclasses.replace(sighted, vision=None), **kinds)


@pytest.mark.parametrize('policy', [None, seen(kind='keypoints'), seen()], ids=str)
def test_the_critics_waypoints_are_taught_where_the_policy_has_none(learning, policy):
    own = {**seen(), 'augmentation': {'shift': 3}}
    critic = from_mapping(CriticConfig, {'members': 2, 'bins': 11, 'vision': own}, 'critic')
    config = learning(policy={'vision': policy}, critic=critic)
    has_own = policy == seen()
    assert config.taught_vision.augmentation.shift == (4 if has_own else 3)
    assert learning(policy={'vision': policy}).taught_vision is None or has_own


def test_an_edited_policy_and_its_base_may_see_otherwise_but_not_other_waypoints(learning):
    for own, base in (('waypoints', 'keypoints'), ('keypoints', 'waypoints')):
        policy = {'vision': seen(kind=own), 'base': {'vision': seen(kind=base)}}
        found = learning(policy_class='edited', policy=policy).taught_vision
        assert found.encoder.kind == 'waypoints'
    policy = {'vision': seen(), 'base': {'vision': seen(widths=(4,))}}
    with pytest.raises(ConfigError, match=r'policy\.vision has .*, but policy\.base\.vision has'):
        learning(policy_class='edited', policy=policy)
