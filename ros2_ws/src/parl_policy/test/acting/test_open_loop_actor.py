# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.acting.open_loop_actor import OpenLoopActor
from parl_policy.policies.gaussian import GaussianPolicy, GaussianPolicyConfig
from parl_policy.policy import ActionSpec, ObservationError

OBSERVATION = np.zeros(4, np.float32)
UNSEEN = np.full(4, np.nan, np.float32)


@pytest.fixture
def actor():
    policy = GaussianPolicy(4, ActionSpec(horizon=3, dim=2), GaussianPolicyConfig(hidden=(8,)))
    return Actor(policy, None, ActionOptimisationConfig())


def test_each_step_takes_its_part_and_the_fourth_is_decided_anew(actor):
    open_loop = OpenLoopActor(actor, seed=1)
    generator = torch.Generator().manual_seed(1)
    decisions = [actor.act(OBSERVATION, generator) for _ in range(2)]
    expected = np.concatenate([decision.action for decision in decisions]).reshape(6, 2)
    found = [open_loop.act(step, OBSERVATION) for step in range(6)]
    np.testing.assert_array_equal([decision.action for decision in found], expected)
    np.testing.assert_array_equal([decision.candidates[0] for decision in found], expected)


def test_after_steps_of_somebody_else_the_rest_is_dropped(actor):
    unbroken, broken = OpenLoopActor(actor, seed=1), OpenLoopActor(actor, seed=1)
    expected = [unbroken.act(step, OBSERVATION).action for step in range(5)]
    found = [broken.act(step, OBSERVATION).action for step in (0, 2, 3)]
    np.testing.assert_array_equal(found, [expected[0], expected[3], expected[4]])


def test_an_observation_within_a_chunk_is_not_looked_at(actor):
    open_loop = OpenLoopActor(actor, seed=1)
    for step, observation in enumerate((OBSERVATION, UNSEEN, UNSEEN)):
        open_loop.act(step, observation)
    with pytest.raises(ObservationError, match='not finite'):
        open_loop.act(3, UNSEEN)
