# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from parl_learner.offline.environments.vector_actor import ObservationError, states_of, VectorActor
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.observations import Observation, ObservationNeeds, PictureConfig
from parl_policy.policies.gaussian import GaussianPolicy, GaussianPolicyConfig
from parl_policy.policy import ActionSpec


@pytest.mark.parametrize('with_critic', [False, True])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_what_was_not_seen_is_not_acted_on(with_critic, value):
    policy = GaussianPolicy(3, ActionSpec(1, 2), GaussianPolicyConfig(hidden=(8,)))
    critic = CriticEnsemble(3, 2, CriticConfig(members=2, hidden=(8,), bins=5))
    optimisation = ActionOptimisationConfig(samples=4, particles=2)
    actor = Actor(policy, critic if with_critic else None, optimisation)
    act = VectorActor(actor, torch.Generator().manual_seed(0))
    observations = np.zeros((2, 3), np.float32)
    assert np.isfinite(act([Observation(numbers) for numbers in observations])).all()
    observations[1, 2] = value
    with pytest.raises(ObservationError, match=f'environment 1 is {value} in entry 2'):
        act([Observation(numbers) for numbers in observations])


def test_each_sees_what_it_needs():
    draws = np.random.default_rng(0)
    pictures = draws.integers(256, size=(2, 8, 8, 3), dtype=np.uint8)
    observations = [
        Observation(np.full(3, number, np.float32), {'front': picture}, f'task {number}')
        for number, picture in enumerate(pictures)
    ]
    np.testing.assert_array_equal(
        states_of(observations, ObservationNeeds()), [[0.0] * 3, [1.0] * 3]
    )
    needs = ObservationNeeds({'front': PictureConfig(size=(8, 8))}, instruction=True)
    seen = states_of(observations, needs)
    np.testing.assert_array_equal(seen.pictures['front'], pictures)
    assert seen.instructions == ('task 0', 'task 1')
    np.testing.assert_array_equal(seen.numbers, [[0.0] * 3, [1.0] * 3])
