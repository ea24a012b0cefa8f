# SPDX-License-Identifier: Apache-2.0
"""Learning on a device, as far as it can be seen without a GPU.

torch's 'meta' device computes shapes and no numbers: what mixes it with tensors of the CPU, or
asks for a number, fails there as it would fail, or wait, on a GPU.
"""

import pytest
import torch

from parl_files.config_file import ConfigError
from parl_learner.loop.checkpoint import load_checkpoint, save_checkpoint
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.replay.replay import Replay
from parl_learner.training.action_cache import ActionCache
from parl_learner.training.critic_loss import (
    calibrated,
    conservative_gap,
    expectile_loss,
    td_targets,
)
from parl_learner.training.policy_trainer import PolicyTrainerConfig
from parl_learner.training.value_gradient import ValueGradientConfig
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.compute.device import default_generator, use_device
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.policies.registry import new_policy
from parl_policy.policy import ActionSpec

SPEC = ActionSpec(horizon=1, dim=7, binary=(6,))
POLICIES = {
    'autoregressive': {'layers': 1, 'hidden': 8, 'heads': 2, 'bins': 16},
    'diffusion': {'hidden': 8, 'blocks': 1},
    'edited': {'hidden': [8], 'base': {'hidden': 8, 'blocks': 1}},
    'flow': {'hidden': 8, 'blocks': 1},
    'gaussian': {'hidden': [8]},
}


def is_there(*tensors):
    return all(tensor.device.type == 'meta' for tensor in tensors)


@pytest.fixture
def replay(recorded):
    with torch.device('meta'):
        replay = Replay(3, SPEC.flat_dim, discount=0.9)
        for episode in recorded:
            replay.add(episode)
        yield replay


@pytest.mark.parametrize('name', POLICIES)
@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_policy_particles_and_distillation_stay_on_the_device(replay, name, precision):
    policy = new_policy(name, POLICIES[name], 3, SPEC)
    critic = CriticEnsemble(3, SPEC.flat_dim, CriticConfig(members=2, hidden=(8, 8), bins=11))
    config = ActionOptimisationConfig(
        samples=4, particles=2, gradient_steps=2, precision=precision
    )
    cache = ActionCache(config, SPEC)
    cache.sample_all(policy, replay.observations, None)
    cache.optimise_all(critic, replay.observations, replay.row_actions, None)
    rows = torch.arange(5)
    particles = cache.distillation_particles(rows)
    assert is_there(particles.actions, particles.values, cache.particles(rows).argmax())
    context = policy.encode(replay.observations[:5])
    loss = policy.loss(context, particles.sample(1, None), None, None)
    assert is_there(loss)
    loss.sum().backward()


@pytest.mark.parametrize('head', ['mse', 'hl_gauss'])
def test_the_critic_loss_stays_on_the_device(replay, head):
    config = CriticConfig(members=2, hidden=(8, 8), bins=11, head=head)
    critic = CriticEnsemble(3, SPEC.flat_dim, config)
    batch = replay.batch(torch.arange(5))
    raw = critic.raw(batch.observations, batch.actions.unsqueeze(1)).squeeze(2)
    values = critic.value_head.value(raw)
    targets = td_targets(batch.rewards, batch.discounts, values)
    bounded = calibrated(values.unsqueeze(-1), batch.returns)
    gap = conservative_gap(values, bounded, torch.zeros(1))
    assert is_there(critic.value_head.loss(raw, targets), gap, expectile_loss(values, 0.7))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU here')
@pytest.mark.parametrize('head', ['mse', 'hl_gauss'])
def test_a_gpu_climbs_to_where_the_cpu_does(head):
    torch.manual_seed(0)
    config = CriticConfig(members=3, hidden=(64, 64), bins=21, support=(-1.0, 1.0), head=head)
    on_cpu = CriticEnsemble(3, SPEC.flat_dim, config)
    for parameter in on_cpu.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    observations = torch.randn(300, 3)
    candidates = torch.rand(300, 6, SPEC.flat_dim) * 2.0 - 1.0
    optimisation = ActionOptimisationConfig(samples=6, particles=3, step_size=0.03)
    found = []
    for device in ('cpu', 'cuda:0'):
        with torch.device(device):
            critic = CriticEnsemble(3, SPEC.flat_dim, config)
            critic.load_state_dict(on_cpu.state_dict())
            cache = ActionCache(optimisation, SPEC)
            cache.load_state_dict({**cache.state_dict(), 'candidates': candidates})
            cache.optimise_all(critic, observations.to(device), None, default_generator())
            found.append(cache.particles(torch.arange(300)))
    assert (found[0].actions - candidates[:, :3]).abs().max() > 0.01, 'they climbed'
    torch.testing.assert_close(found[1].actions.cpu(), found[0].actions, atol=1e-4, rtol=0.0)
    torch.testing.assert_close(found[1].values.cpu(), found[0].values, atol=1e-5, rtol=1e-5)


def test_dppo_needs_the_cpu(learning):
    with torch.device('meta'), pytest.raises(ConfigError, match=r"'dppo' .* needs device 'cpu'"):
        LearningLoop(learning(method='dppo'), ('a', 'b', 'c'), seed=0)


METHODS = {
    'pa_rl': {},
    'value_gradient': {
        'policy_class': 'gaussian',
        'policy': {'hidden': [8]},
        'policy_trainer': PolicyTrainerConfig(
            value_gradient=ValueGradientConfig(target_entropy=-3.0)
        ),
    },
}


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_a_run_learns_and_resumes(learning, recorded, tmp_path, device, method):
    if device == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no GPU here')
    config = learning(method=method, **METHODS[method])

    def run(path=None):
        loop = LearningLoop(config, ('a', 'b', 'c'), seed=0)
        loop.begin_round(recorded[:2])
        while not loop.idle:
            loop.advance()
            if path is not None and loop.counters.critic_steps == 2:
                save_checkpoint(path, loop, [['x']])
                loop = LearningLoop(config, ('a', 'b', 'c'), seed=1)
                loop.resume([recorded[:2]])
                load_checkpoint(path, loop)
        return loop

    try:
        use_device(device)
        whole, resumed = run(), run(tmp_path / 'checkpoint')
    finally:
        torch.set_default_device(None)
    assert whole.policy_trainer._parameters[0].device.type == device
    assert whole.version_files() == resumed.version_files()
