# SPDX-License-Identifier: Apache-2.0
"""OpenVLA does what every policy class must do."""

from policy_conformance import Lesson, PolicyConformance
import pytest
from tiny_vla import CAMERA, settings, states
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig
from parl_policy.critics.critic import CriticConfig
from parl_policy.observations import Observation, Observations
from parl_policy.policy import ActionSpec


@pytest.fixture(params=[1, 3], ids=['one_step', 'chunk'])
def spec(request):
    return ActionSpec(horizon=request.param, dim=7, binary=(6,))


@pytest.fixture
def config(tiny_folder, spec):
    return ActorConfig(
        policy_class='parl_vla.policies.openvla:OpenVLAPolicy',
        # One wrong token spoils those after it; below 1 what was learnt is drawn almost always.
        policy=settings(tiny_folder, temperature=0.7),
        critic=CriticConfig(members=1, hidden=(8,), bins=5),
        optimisation=ActionOptimisationConfig(samples=4, particles=2),
        choice='argmax',
        observation_names=tuple('wxyz'),
        action_spec=spec,
        cameras={CAMERA: (28, 28)},
    )


class TestOpenVLAConformance(PolicyConformance):
    """With pictures and instructions."""

    step = torch.tensor([0.5, -0.4, 0.2, -0.3, 0.6, 0.1, 1.0])
    lesson = Lesson(rows=2, steps=120, rate=1e-2)

    def states(self, count, seed=1):
        return states(count, seed)

    def altered(self, observations, row):
        pictures = observations.pictures[CAMERA].clone()
        pictures[row] = 255 - pictures[row]
        return Observations(observations.numbers, {CAMERA: pictures}, observations.instructions)

    def observation(self):
        state = states(1)
        picture = state.pictures[CAMERA][0].numpy()
        return Observation(state.numbers[0].numpy(), {CAMERA: picture}, state.instructions[0])

    def parameters(self, policy):
        return policy.network.parameters()

    def imitated(self, policy):
        return policy
