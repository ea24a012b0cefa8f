# SPDX-License-Identifier: Apache-2.0
"""Actions that an operator chose in a take-over have a weight of their own in imitation."""

import dataclasses

from learning_rounds import NAMES
import pytest
import torch

from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_learner.training.policy_trainer import PolicyTrainerConfig
from parl_learner.training.value_gradient import ValueGradientConfig


def taken_over_loop(learning, episode, **settings):
    """After an episode whose second step is the operator's; all batches are [0, 1, 2]."""
    versions = ['policy-1', '', *['policy-1'] * (len(episode) - 2), '']
    episode = dataclasses.replace(episode, policy_versions=versions, metadata={'actor': ''})
    loop = LearningLoop(learning(**settings), NAMES, seed=0)
    loop.begin_round([episode])
    batch = loop.replay.batch(torch.arange(3))
    loop.units.draw = lambda size, mixing_ratio: batch
    loop.replay.draw_successes = lambda size, generator: batch
    return loop


@pytest.mark.parametrize('unit', ['imitate', 'imitate_successes'])
@pytest.mark.parametrize(
    ('weight', 'expected'), [(1.0, None), (3.0, [1.0, 3.0, 1.0]), (0.0, [1.0, 0.0, 1.0])]
)
def test_actions_of_a_takeover_have_their_weight(
    learning, new_episode, monkeypatch, unit, weight, expected
):
    loop = taken_over_loop(learning, new_episode(), takeover_weight=weight)
    given = []
    monkeypatch.setattr(
        loop.policy_trainer,
        'update',
        lambda seen, targets, generator, weights=None: given.append(weights) or 0.0,
    )
    getattr(loop.units, unit)()
    if expected is None:
        assert given == [None], 'the same as without the setting, to the bit'
    else:
        assert given[0].tolist() == [[each] for each in expected]


def test_a_takeover_multiplies_the_weights_of_a_method(learning, new_episode, monkeypatch):
    loop = taken_over_loop(
        learning,
        new_episode(),
        method='awr',
        critic_trainer=CriticTrainerConfig(algorithm='iql'),
        takeover_weight=3.0,
    )
    monkeypatch.setattr(loop.method, 'weights', lambda batch: torch.full((3, 1), 2.0))
    given = []
    monkeypatch.setattr(
        loop.policy_trainer,
        'update',
        lambda seen, targets, generator, weights=None: given.append(weights) or 0.0,
    )
    loop.method.follow_critic()
    assert given[0].tolist() == [[2.0], [6.0], [2.0]]


def test_a_takeover_weighs_in_the_imitation_term_of_value_gradient(
    learning, new_episode, monkeypatch
):
    loop = taken_over_loop(
        learning,
        new_episode(),
        method='value_gradient',
        policy_trainer=PolicyTrainerConfig(value_gradient=ValueGradientConfig(imitation_weight=1)),
        takeover_weight=3.0,
    )
    given, loss = [], loop.policy.loss

    def noting(context, targets, weights, generator):
        given.append(weights)
        return loss(context, targets, weights, generator)

    monkeypatch.setattr(loop.policy, 'loss', noting)
    loop.method.follow_critic()
    assert given[0].tolist() == [[1.0], [3.0], [1.0]]
