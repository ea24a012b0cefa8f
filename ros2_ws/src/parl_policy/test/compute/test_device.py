# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
import torch

from parl_files.config_file import ConfigError
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.compute.device import default_generator, use_device
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.policies.registry import new_policy
from parl_policy.policy import ActionSpec

SPEC = ActionSpec(horizon=1, dim=3, binary=(2,))


def test_without_a_gpu_the_cpu_is_used_or_the_lack_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert use_device('auto') == use_device('cpu') == torch.device('cpu')
    assert default_generator() is torch.default_generator
    with pytest.raises(ConfigError, match=r"'cuda', but torch finds no GPU: .* choose 'cpu'"):
        use_device('cuda')
    with pytest.raises(ConfigError, match="device is 'gpu', expected one of"):
        use_device('gpu')


def new_actor(**optimisation):
    policy = new_policy('flow', {'hidden': 8, 'blocks': 1}, 4, SPEC)
    critic = CriticEnsemble(4, SPEC.flat_dim, CriticConfig(members=2, hidden=(8, 8)))
    config = ActionOptimisationConfig(samples=8, particles=4, step_size=0.1, **optimisation)
    return Actor(policy, critic, config)


@pytest.mark.parametrize('cem_iterations', [0, 2])
@pytest.mark.parametrize('proposals', ['policy', 'uniform'])
@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_a_decision_stays_on_its_device(proposals, precision, cem_iterations):
    """On torch's 'meta' device, which refuses tensors of the CPU as a GPU does."""
    with torch.device('meta'):
        actor = new_actor(proposals=proposals, precision=precision, cem_iterations=cem_iterations)
        actor.prepare()
        particles = actor._optimised(None, torch.zeros(1, 4), torch.zeros(1, 8, SPEC.flat_dim))
    assert [each.device.type for each in particles] == ['meta', 'meta']


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU here')
@pytest.mark.parametrize('proposals', ['policy', 'uniform'])
def test_a_gpu_decides_the_same_from_the_same_draws(proposals):
    with torch.device('cuda:0'):
        actor = new_actor(proposals=proposals)
        again = dataclasses.replace(actor)
        decisions = [
            each.act(observation, torch.Generator('cuda:0').manual_seed(seed)).action
            for each in (actor, again, actor)
            for observation, seed in ((np.zeros(4), 0), (np.ones(4), 0), (np.zeros(4), 1))
        ]
    assert np.array_equal(decisions[:3], decisions[3:6])
    assert np.array_equal(decisions[:3], decisions[6:])
    assert len(np.unique(decisions, axis=0)) == 3
