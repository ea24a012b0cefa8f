# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig, optimise_actions
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.critics.mean_q import FrozenCritic
from parl_policy.policy import ActionSpec

STATES, ACTIONS = 150, 7
"""More rows than are handled at once, and not a multiple of it."""


def new_critic(std=1.0, **settings):
    torch.manual_seed(0)
    config = CriticConfig(**({'members': 3, 'hidden': (32, 24, 16), 'bins': 21} | settings))
    critic = CriticEnsemble(5, 2, config)
    for parameter in critic.parameters():  # every bias and scale counts
        torch.nn.init.normal_(parameter, std=std)
    critic.fit_normalisation(torch.randn(50, 5) * 2.0 + 1.0)
    return critic


def inputs():
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(STATES, 5, generator=generator)
    return states, torch.rand(STATES, ACTIONS, 2, generator=generator) * 2.0 - 1.0


def gradient(q_function, actions):
    actions = actions.clone().requires_grad_()
    (found,) = torch.autograd.grad(q_function(actions).sum(), actions)
    return found


@pytest.mark.parametrize('count', [1, STATES], ids=['all members at once', 'one by one'])
@pytest.mark.parametrize('at_every_layer', [True, False])
@pytest.mark.parametrize('head', ['hl_gauss', 'mse'])
def test_values_and_gradients_are_those_of_autograd(at_every_layer, head, count):
    critic = new_critic(action_at_every_layer=at_every_layer, head=head, support=(-1.0, 1.0))
    states, actions = (whole[:count] for whole in inputs())

    def plain(actions):
        return critic(states, actions).mean(0)

    fast = FrozenCritic(critic).mean_q(states)
    torch.testing.assert_close(fast(actions), plain(actions), atol=1e-5, rtol=1e-5)
    expected = gradient(plain, actions)
    assert expected.abs().max() > 0.01, 'the comparison is of something'
    torch.testing.assert_close(gradient(fast, actions), expected, atol=1e-5, rtol=1e-5)


def test_the_gradient_follows_what_is_done_with_the_values():
    """d(Q²)/da = 2·Q·dQ/da."""
    fast = FrozenCritic(new_critic(head='mse')).mean_q(inputs()[0])
    actions = inputs()[1]
    squared = gradient(lambda a: fast(a).square(), actions)
    expected = 2.0 * fast(actions).unsqueeze(-1) * gradient(fast, actions)
    torch.testing.assert_close(squared, expected)


def test_weights_get_no_gradient():
    critic = new_critic()
    gradient(FrozenCritic(critic).mean_q(inputs()[0]), inputs()[1])
    assert all(parameter.grad is None for parameter in critic.parameters())


def test_optimised_particles_are_those_of_autograd():
    critic = new_critic(support=(-1.0, 1.0))
    states, candidates = inputs()
    config = ActionOptimisationConfig(samples=ACTIONS, particles=4, step_size=0.03)
    found, expected = (
        optimise_actions(q, candidates, config, ActionSpec(1, 2).kinds(), torch.Generator())
        for q in (FrozenCritic(critic).mean_q(states), lambda a: critic(states, a).mean(0))
    )
    assert not torch.isin(expected.actions, candidates).all(), 'particles climbed'
    torch.testing.assert_close(found.actions, expected.actions, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.values, expected.values, atol=1e-5, rtol=0)


@pytest.mark.parametrize('head', ['hl_gauss', 'mse'])
def test_bfloat16_is_the_same_function_to_its_few_bits(head):
    critic = new_critic(0.3, head=head, hidden=(256, 256), support=(-1.0, 1.0))
    states, actions = inputs()
    exact, coarse = (
        FrozenCritic(critic).mean_q(states),
        FrozenCritic(critic, 'bfloat16').mean_q(states),
    )
    spread = exact(actions).std()
    assert (coarse(actions) - exact(actions)).square().mean().sqrt() < 0.02 * spread
    slopes = [gradient(q, actions).flatten(0, 1) for q in (exact, coarse)]
    assert torch.cosine_similarity(*slopes).mean() > 0.99


def test_bfloat16_sees_a_step_smaller_than_the_last_bit_of_an_action():
    """Near 1 a bfloat16 moves by 0.004 at least; the mean over many rows outweighs rounding."""
    critic = new_critic(head='mse', hidden=(64,), members=8)
    states, actions = inputs()
    start = actions.sign() * 0.99
    step = 1e-3 * gradient(FrozenCritic(critic).mean_q(states), start).sign()
    gains = [(q(start + step) - q(start)).mean() for q in _both(critic, states)]
    assert gains[1] == pytest.approx(gains[0].item(), rel=0.5), 'it would be 0'


def _both(critic, states):
    return FrozenCritic(critic).mean_q(states), FrozenCritic(critic, 'bfloat16').mean_q(states)
