# SPDX-License-Identifier: Apache-2.0
"""What every policy class must do; a new class joins by a line in POLICIES."""

from pathlib import Path
import socket
import threading

import numpy as np
import pytest
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig, load_actor, version_to_bytes
from parl_policy.critics.critic import CriticConfig
from parl_policy.policies.registry import POLICY_CLASSES
from parl_policy.policy import ActionSpec, Policy, ReparameterisedPolicy

POLICIES = {
    'autoregressive': {'hidden': 32, 'layers': 1, 'heads': 4, 'bins': 32, 'dropout': 0.0},
    'diffusion': {'hidden': 32, 'blocks': 1, 'ema_rate': 0.1, 'dropout': 0.0},
    'edited': {
        'hidden': [16],
        'base': {'hidden': 32, 'blocks': 1, 'ema_rate': 0.1, 'dropout': 0.0},
    },
    'flow': {'hidden': 32, 'blocks': 1, 'ema_rate': 0.1, 'dropout': 0.0},
    'gaussian': {'hidden': [32, 32]},
    'module_policy:ModulePolicy': {'hidden': 32},
    'remote_policy:RemotePolicy': {'interpreter': 'none', 'script': 'none'},
}
"""Small configurations that learn one action in 150 updates at learning rate 3e-3.

Without dropout, which draws from torch's own generator, and only in a loss; the classes' own tests
see to it.
"""

EXAMPLES = Path(__file__).parents[2] / 'examples'
OBSERVATION_DIM = 4
STEP = torch.tensor([0.5, -0.4, 1.0])
"""One control step of the action that is taught."""


class ServerThread(threading.Thread):
    """Stands for the server's process: the example's server, around a fake of LeRobot's policy."""

    def __init__(self, action_spec):
        super().__init__(daemon=True)
        import fake_lerobot_policy
        import lerobot_policy

        with torch.random.fork_rng():
            torch.manual_seed(3)  # as from a file: always the same weights
            policy = fake_lerobot_policy.FakeLeRobotPolicy(
                OBSERVATION_DIM, action_spec.horizon, action_spec.dim
            )
        self.served = lerobot_policy.LeRobotDiffusion(
            policy,
            fake_lerobot_policy.preprocess,
            fake_lerobot_policy.postprocess,
            action_spec.horizon,
        )
        self.ours, self.theirs = socket.socketpair()

    def run(self):
        import policy_server

        with self.theirs:
            policy_server.serve(self.served, self.theirs)

    def wait(self, timeout):
        self.join(timeout)


@pytest.fixture(params=[1, 3], ids=['one_step', 'chunk'])
def spec(request):
    return ActionSpec(horizon=request.param, dim=3, binary=(2,))


@pytest.fixture(params=sorted(POLICIES))
def config(request, spec, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    if request.param.startswith('remote'):
        import remote_policy

        def start_thread(config):
            server = ServerThread(spec)
            server.start()
            return server.ours, server

        monkeypatch.setattr(remote_policy, 'start_server', start_thread)
    return ActorConfig(
        policy_class=request.param,
        policy=POLICIES[request.param],
        critic=CriticConfig(members=1, hidden=(8,), bins=5),
        optimisation=ActionOptimisationConfig(samples=4, particles=2),
        choice='argmax',
        observation_names=tuple('wxyz'),
        action_spec=spec,
    )


@pytest.fixture
def new_policy(config):
    def make(seed=0):
        torch.manual_seed(seed)
        policy = config.make_policy()
        policy.fit_normalisation(states(50))
        return policy

    return make


def states(count, seed=1):
    return torch.randn(count, OBSERVATION_DIM, generator=generator(seed))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sample(policy, observations, count, seed=0):
    with torch.no_grad():
        context = policy.encode(observations)
    return policy.sample(context, count, generator(seed))


def loss(policy, observations, targets, weights=None):
    return policy.loss(policy.encode(observations), targets, weights, generator())


def train(policy, observations, targets, steps):
    optimiser = torch.optim.Adam(policy.trainable_parameters(), lr=3e-3)
    draws, losses = generator(3), []
    for _ in range(steps):
        value = policy.loss(policy.encode(observations), targets, None, draws).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        policy.after_update()
        losses.append(value.item())
    return losses


def test_every_class_is_tested():
    assert set(POLICY_CLASSES) < set(POLICIES)


def test_it_is_a_policy(new_policy, spec):
    assert isinstance(new_policy(), Policy)
    assert new_policy().action_spec == spec


def test_samples_are_distinct_actions_in_bounds(new_policy, spec):
    samples = sample(new_policy(), states(3), 8)
    assert samples.shape == (3, 8, spec.flat_dim)
    assert samples.dtype == torch.float32
    assert not samples.requires_grad
    assert samples.abs().max() <= 1.0
    for drawn in samples:
        assert len(drawn.unique(dim=0)) == 8


def test_binary_entries_are_snapped(new_policy, spec):
    samples = sample(new_policy(), states(3), 32)
    binary = spec.is_binary()
    assert set(samples[..., binary].unique().tolist()) == {-1.0, 1.0}
    assert (samples[..., ~binary].abs() < 1.0).any()


def test_same_generator_state_same_samples(new_policy):
    policy = new_policy()
    assert torch.equal(sample(policy, states(2), 4, seed=5), sample(policy, states(2), 4, seed=5))
    assert not torch.equal(
        sample(policy, states(2), 4, seed=5), sample(policy, states(2), 4, seed=6)
    )


def test_the_generator_is_the_only_randomness(new_policy, spec):
    policy, targets = new_policy(), torch.full((3, 2, spec.flat_dim), 0.5)
    before, draws = torch.get_rng_state(), generator()
    context = policy.encode(states(3))
    policy.sample(context, 4, draws)
    first = policy.loss(context, targets, None, generator())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(77)
    context = policy.encode(states(3))
    assert torch.equal(policy.loss(context, targets, None, generator()), first)


def test_successive_samples_differ(new_policy):
    policy, draws = new_policy(), generator()
    first, second = (policy.sample(policy.encode(states(2)), 4, draws) for _ in range(2))
    assert not torch.equal(first, second)


def test_states_of_a_batch_do_not_touch_each_other(new_policy, spec):
    policy, observations = new_policy(), states(4)
    changed = observations[[0, 2, 1, 3]].clone()
    changed[3] += 2.0
    before, after = sample(policy, observations, 4), sample(policy, changed, 4)
    torch.testing.assert_close(before[0], after[0])
    assert not torch.allclose(before[3], after[3])
    targets = torch.full((4, 2, spec.flat_dim), 0.5)
    before, after = loss(policy, observations, targets), loss(policy, changed, targets)
    assert before.shape == (4,)
    torch.testing.assert_close(before[0], after[0])
    assert not torch.allclose(before[3], after[3])


def test_equal_states_get_independent_samples(new_policy, spec):
    samples = sample(new_policy(), states(1).repeat(2, 1), 4)
    assert not torch.isclose(samples[0], samples[1])[:, ~spec.is_binary()].all()


def test_weights_weigh_the_targets_of_a_state(new_policy, spec):
    policy, observations = new_policy(), states(2)
    targets = torch.rand(2, 3, spec.flat_dim, generator=generator(8)) * 2.0 - 1.0
    each = torch.stack(
        [loss(policy, observations, targets, torch.eye(3)[[i, i]]) for i in range(3)], dim=1
    )
    weights = torch.tensor([[0.2, 0.3, 0.5], [2.0, 0.0, 1.0]])
    torch.testing.assert_close(
        loss(policy, observations, targets, weights), (weights * each).sum(1)
    )
    torch.testing.assert_close(loss(policy, observations, targets), each.mean(1))
    assert each.std() > 1e-3


def test_training_falls_to_the_target_and_samples_move_to_it(new_policy, spec):
    policy = new_policy()
    observations = states(1).repeat(32, 1)
    target = (
        STEP.repeat(spec.horizon)
        * torch.tensor([1.0, -1.0, 0.3]).repeat_interleave(3)[: spec.flat_dim]
    )
    targets = spec.snap(target).expand(32, 1, -1)
    before = (sample(policy, observations[:1], 64) - targets[0]).abs().mean()
    losses = train(policy, observations, targets, 150)
    samples = sample(policy, observations[:1], 64)
    assert sum(losses[-20:]) < 0.5 * sum(losses[:20])
    assert (samples - targets[0]).abs().mean() < min(0.25, 0.5 * before)
    binary = spec.is_binary()
    assert (samples[0][:, binary] == targets[0, :, binary]).float().mean() > 0.98


def test_a_saved_version_samples_the_same(config, new_policy, spec, tmp_path):
    policy = new_policy()
    train(policy, states(8), torch.zeros(8, 1, spec.flat_dim), 5)
    path = tmp_path / 'policy.safetensors'
    path.write_bytes(version_to_bytes(config, policy, 'policy', 7))
    torch.manual_seed(5)
    actor, loaded_config, version = load_actor(path, None)
    assert (loaded_config.policy_class, version) == (config.policy_class, 7)
    assert torch.equal(sample(policy, states(2), 4), sample(actor.policy, states(2), 4))
    decision = actor.act(states(1)[0].numpy(), generator(2))
    assert decision.action.shape == (spec.flat_dim,)
    expected = sample(policy, states(1), 1, seed=2)[0, 0].numpy()
    np.testing.assert_array_equal(decision.action, expected)


def test_all_that_samples_and_trains_is_in_the_state_dict(new_policy, spec):
    policy, other = new_policy(), new_policy(seed=9)
    train(policy, states(8), torch.zeros(8, 1, spec.flat_dim), 5)
    other.fit_normalisation(states(50, seed=4) * 3.0)
    assert not torch.equal(sample(policy, states(2), 4), sample(other, states(2), 4))
    other.load_state_dict({name: value.clone() for name, value in policy.state_dict().items()})
    assert torch.equal(sample(policy, states(2), 4), sample(other, states(2), 4))
    targets = torch.zeros(2, 1, spec.flat_dim)
    assert torch.equal(loss(policy, states(2), targets), loss(other, states(2), targets))


def test_gradients_reach_all_trainable_parameters_and_no_others(new_policy, spec):
    policy = new_policy()
    loss(policy, states(16), torch.zeros(16, 2, spec.flat_dim)).sum().backward()
    imitated = getattr(policy, 'base', policy)  # edits learn from Q alone
    trainable = {id(parameter): parameter for parameter in imitated.trainable_parameters()}
    assert trainable
    for parameter in trainable.values():
        assert parameter.grad is not None
        assert parameter.grad.any()
    others = [parameter for parameter in imitated.parameters() if id(parameter) not in trainable]
    assert all(parameter.grad is None for parameter in others)


def test_samples_with_gradients(new_policy, spec):
    policy = new_policy()
    if not isinstance(policy, ReparameterisedPolicy):
        pytest.skip('this class makes no samples with gradients')
    actions, log_probs = policy.rsample(policy.encode(states(3)), 4, generator())
    assert actions.shape == (3, 4, spec.flat_dim)
    assert actions.abs().max() <= 1.0
    assert log_probs is None or log_probs.shape == (3, 4)
    actions.sum().backward()
    gradients = [parameter.grad for parameter in policy.trainable_parameters()]
    assert any(gradient is not None and gradient.any() for gradient in gradients)
