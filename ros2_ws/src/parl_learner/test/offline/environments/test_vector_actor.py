# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from parl_learner.offline.environments.vector_actor import ObservationError, VectorActor
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
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
    assert np.isfinite(act(observations)).all()
    observations[1, 2] = value
    with pytest.raises(ObservationError, match=f'environment 1 is {value} in entry 2'):
        act(observations)
