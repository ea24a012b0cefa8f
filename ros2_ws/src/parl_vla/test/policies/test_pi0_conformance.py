# SPDX-License-Identifier: Apache-2.0
"""π0 does what every policy class must do."""

from policy_conformance import Lesson, numbers, PolicyConformance
import pytest
from small_pi0 import actor_config, observations, STATISTICS, write_pi0

from parl_policy.observations import Observation, Observations
from parl_policy.policy import ActionSpec


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_pi0(tmp_path_factory.mktemp('pi0'), STATISTICS)


@pytest.fixture(params=[1, 3], ids=['one_step', 'chunk'])
def spec(request):
    return ActionSpec(horizon=request.param, dim=3, binary=(2,))


@pytest.fixture
def config(folder, spec):
    return actor_config(folder, spec, lora={'rank': 16, 'alpha': 16})


class TestPi0Conformance(PolicyConformance):
    """With two cameras and an instruction."""

    lesson = Lesson(rows=8, steps=100, rate=1e-2)

    def states(self, count, seed=1):
        return observations(numbers(count, seed))

    def altered(self, seen, row):
        pictures = {name: each.clone() for name, each in seen.pictures.items()}
        for each in pictures.values():
            each[row] = 255 - each[row]
        return Observations(seen.numbers, pictures, seen.instructions)

    def observation(self):
        state = self.states(1)
        pictures = {name: each[0].numpy() for name, each in state.pictures.items()}
        return Observation(state.numbers[0].numpy(), pictures, state.instructions[0])

    def parameters(self, policy):
        return policy.network.parameters()

    def imitated(self, policy):
        return policy
