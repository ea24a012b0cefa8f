# SPDX-License-Identifier: Apache-2.0
"""What is fast computes the same as the literal transcription, to 1e-5."""

from critic_work import Shape, update_operations
from literal_pa_rl import LiteralCritic, LiteralCriticTrainer, optimise, sample_diffusion
import pytest
import torch

from parl_learner.replay.replay import Batch
from parl_learner.training.action_cache import ActionCache
from parl_learner.training.critic_trainer import CriticTrainer, CriticTrainerConfig
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.policies.diffusion import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.policy import ActionSpec

STATES, OBSERVATION_DIM = 6, 5
SPEC = ActionSpec(horizon=1, dim=3)
CONFIG = ActionOptimisationConfig(samples=8, particles=4, gradient_steps=5, step_size=0.03)


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def draws(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=['hl_gauss', 'mse'])
def critic(request):
    """Every weight counts, and the support holds all values."""
    torch.manual_seed(0)
    config = CriticConfig(
        members=3, hidden=(24, 16, 24), bins=21, support=(-4.0, 4.0), head=request.param
    )
    critic = CriticEnsemble(OBSERVATION_DIM, SPEC.dim, config)
    critic.fit_normalisation(torch.randn(40, OBSERVATION_DIM) * 2.0 + 1.0)
    for parameter in critic.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return critic


@pytest.fixture
def batch():
    """Transition i leads from row i to row i + 1 of twice as many observations."""
    observations = torch.randn(2 * STATES, OBSERVATION_DIM, generator=draws(1))
    rows = torch.arange(0, 2 * STATES, 2)
    return observations, Batch(
        rows=rows,
        next_rows=rows + 1,
        observations=observations[rows],
        next_observations=observations[rows + 1],
        actions=torch.rand(STATES, SPEC.dim, generator=draws(2)) * 2.0 - 1.0,
        rewards=-torch.rand(STATES, generator=draws(3)),
        discounts=torch.full((STATES,), 0.9),
        returns=-torch.rand(STATES, generator=draws(4)),
    )


@pytest.fixture
def policy():
    torch.manual_seed(5)
    policy = DiffusionPolicy(OBSERVATION_DIM, SPEC, DiffusionPolicyConfig(hidden=8, blocks=1))
    policy.fit_normalisation(torch.randn(40, OBSERVATION_DIM) * 2.0 + 1.0)
    return policy


@pytest.fixture
def cache(critic, batch, policy):
    """Samples and particles of all rows."""
    observations, transitions = batch
    cache = ActionCache(CONFIG, SPEC)
    cache.sample_all(policy, observations, draws(6))
    actions = transitions.actions.repeat_interleave(2, dim=0)
    cache.optimise_all(critic, observations, actions, draws(7))
    return cache


def test_samples_are_those_of_the_whole_network(policy, batch):
    observations, _ = batch
    found = policy.sample(policy.encode(observations), 4, draws(7))
    close(found, sample_diffusion(policy, observations, 4, draws(7)))


def test_values_of_particles_and_particles_of_distillation(critic, batch, cache):
    _, transitions = batch
    candidates = cache.state_dict()['candidates']
    found = cache.distillation_particles(transitions.rows)
    actions, values = optimise(
        LiteralCritic(critic),
        transitions.observations,
        candidates[transitions.rows],
        CONFIG,
        transitions.actions,
    )
    close(found.actions, actions)
    close(found.values, values)
    assert (actions - candidates[transitions.rows][:, :4]).abs().max() > 0.01, 'they climbed'


def test_loss_gradients_and_targets_of_a_critic_update(critic, batch, cache):
    _, transitions = batch
    literal = LiteralCriticTrainer(critic)
    config = CriticTrainerConfig(cql_actions=10, backup='argmax')
    trainer = CriticTrainer(critic, config)
    candidates = cache.state_dict()['candidates']
    rows = transitions.rows
    inputs = (transitions, candidates[rows], candidates[rows + 1], CONFIG)
    expected = literal.loss(*inputs, draws(8))
    expected.backward()
    metrics = trainer.update(
        transitions, cache.particles(rows), cache.particles(rows + 1), draws(8)
    )
    assert metrics.loss == pytest.approx(expected.item(), abs=1e-5, rel=1e-5)
    for ours, theirs in zip(critic.members, literal.critic.members, strict=True):
        for i, layer in enumerate(theirs.layers):
            gradient = [ours.layers[i].weight.grad, ours.action_layers[i].weight.grad]
            close(torch.cat(gradient, dim=1), layer.weight.grad)
            close(ours.layers[i].bias.grad, layer.bias.grad)
            close(ours.norms[i].weight.grad, theirs.norms[i].weight.grad)
            close(ours.norms[i].bias.grad, theirs.norms[i].bias.grad)
        close(ours.head.weight.grad, theirs.head.weight.grad)
        close(ours.head.bias.grad, theirs.head.bias.grad)
        assert ours.head.weight.grad.abs().max() > 1e-3, 'the comparison is of something'


def test_operations_by_hand():
    """A pass takes 4·5 + 5·7 + 2·(4 + 5) = 73 products, a state 3·4 = 12.

    Climbing: two states of 12 + (2 + 3) · 73 each. The update: the data's action takes 3 passes
    with states, the 3 of the conservative term 3 each and the target one, twice: 23 · 85.
    """
    shape = Shape(
        observation_dim=3,
        spec=ActionSpec(horizon=1, dim=2),
        critic=CriticConfig(members=1, hidden=(4, 5), bins=7),
        trainer=CriticTrainerConfig(cql_actions=1),
        optimisation=ActionOptimisationConfig(samples=2, particles=1, gradient_steps=1),
        policy=DiffusionPolicyConfig(),
        batch=1,
    )
    assert update_operations(shape) == 2 * (2 * 377 + 23 * 85)
