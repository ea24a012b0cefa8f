# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.action_optimisation import ActionOptimisationConfig, optimise_actions
from parl_policy.critic import CriticConfig, CriticEnsemble
from parl_policy.mean_q import MeanQ

STATES, ACTIONS = 150, 7
"""More rows than are handled at once, and not a multiple of it."""


def new_critic(**settings):
    torch.manual_seed(0)
    config = CriticConfig(**({'members': 3, 'hidden': (32, 24, 16), 'bins': 21} | settings))
    critic = CriticEnsemble(5, 2, config)
    for parameter in critic.parameters():  # every bias and scale counts
        torch.nn.init.normal_(parameter, std=1.0)
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


@pytest.mark.parametrize('at_every_layer', [True, False])
@pytest.mark.parametrize('head', ['hl_gauss', 'mse'])
def test_values_and_gradients_are_those_of_autograd(at_every_layer, head):
    critic = new_critic(action_at_every_layer=at_every_layer, head=head, support=(-1.0, 1.0))
    states, actions = inputs()

    def plain(actions):
        return critic(states, actions).mean(0)

    fast = MeanQ(critic, states)
    torch.testing.assert_close(fast(actions), plain(actions), atol=1e-5, rtol=1e-5)
    expected = gradient(plain, actions)
    assert expected.abs().max() > 0.1, 'the comparison is of something'
    torch.testing.assert_close(gradient(fast, actions), expected, atol=1e-5, rtol=1e-5)


def test_the_gradient_follows_what_is_done_with_the_values():
    """d(Q²)/da = 2·Q·dQ/da."""
    fast = MeanQ(new_critic(head='mse'), inputs()[0])
    actions = inputs()[1]
    squared = gradient(lambda a: fast(a).square(), actions)
    expected = 2.0 * fast(actions).unsqueeze(-1) * gradient(fast, actions)
    torch.testing.assert_close(squared, expected)


def test_weights_get_no_gradient():
    critic = new_critic()
    gradient(MeanQ(critic, inputs()[0]), inputs()[1])
    assert all(parameter.grad is None for parameter in critic.parameters())


def test_optimised_particles_are_those_of_autograd():
    critic = new_critic(support=(-1.0, 1.0))
    states, candidates = inputs()
    config = ActionOptimisationConfig(samples=ACTIONS, particles=4, step_size=0.03)
    found, expected = (
        optimise_actions(q, candidates, config, torch.ones(2, dtype=torch.bool), torch.Generator())
        for q in (MeanQ(critic, states), lambda a: critic(states, a).mean(0))
    )
    assert not torch.isin(expected.actions, candidates).all(), 'particles climbed'
    torch.testing.assert_close(found.actions, expected.actions, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.values, expected.values, atol=1e-5, rtol=0)
