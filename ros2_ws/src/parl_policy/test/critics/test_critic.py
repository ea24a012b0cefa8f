# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.critics.critic import CriticConfig, CriticEnsemble


def new_critic(**settings):
    torch.manual_seed(0)
    config = CriticConfig(**({'members': 3, 'hidden': (16, 16, 16), 'bins': 11} | settings))
    return CriticEnsemble(5, 2, config)


def inputs():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 5, generator=generator), torch.rand(4, 6, 2, generator=generator)


def plain_network(member, observations, actions, at_every_layer):
    """The same weights as one plain network over concatenated inputs."""
    x = observations.unsqueeze(1).expand(-1, actions.shape[1], -1)
    for i, layer in enumerate(member.layers):
        weight = layer.weight
        if i == 0 or at_every_layer:
            x = torch.cat([x, actions], dim=-1)
            weight = torch.cat([weight, member.action_layers[i].weight], dim=1)
        x = x @ weight.T + layer.bias
        x = (x - x.mean(-1, keepdim=True)) / (
            x.var(-1, unbiased=False, keepdim=True) + 1e-6
        ).sqrt()
        x = x * torch.sigmoid(x)
    return x @ member.head.weight.T + member.head.bias


@pytest.mark.parametrize('at_every_layer', [True, False])
@pytest.mark.parametrize('head', ['hl_gauss', 'mse'])
def test_split_layers_equal_a_plain_concatenated_network(at_every_layer, head):
    critic = new_critic(action_at_every_layer=at_every_layer, head=head)
    for member in critic.members:  # so that the last layers count
        torch.nn.init.normal_(member.head.weight)
        torch.nn.init.normal_(member.layers[2].weight)
        torch.nn.init.normal_(member.layers[1].bias)
    raw = critic.raw(*inputs())
    assert raw.shape == (3, 4, 6, 11 if head == 'hl_gauss' else 1)
    for member, found in zip(critic.members, raw, strict=True):
        expected = plain_network(member, *inputs(), at_every_layer)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert len(critic.members[0].action_layers) == (3 if at_every_layer else 1)


def test_values_are_those_of_the_head_and_lie_in_its_support():
    critic = new_critic(support=(-7.0, -2.0))
    values = critic(*inputs())
    assert values.shape == (3, 4, 6)
    torch.testing.assert_close(values, critic.value_head.value(critic.raw(*inputs())))
    assert values.min() > -7.0
    assert values.max() < -2.0


def test_members_differ_and_keep_their_order():
    critic = new_critic(head='mse')
    values = critic(*inputs())
    assert not torch.allclose(values[0], values[1], atol=1e-6)
    chosen = critic(*inputs(), members=[2, 0, 2])
    torch.testing.assert_close(chosen, values[[2, 0, 2]])
    assert torch.equal(chosen[0], chosen[2])


@pytest.mark.parametrize('members', [[0, 1, 2], [1, 1], [2, 0]])
@pytest.mark.parametrize('at_every_layer', [True, False])
def test_members_together_as_on_a_gpu_are_the_members_one_by_one(at_every_layer, members):
    critic = new_critic(members=3, action_at_every_layer=at_every_layer)
    for parameter in critic.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    found = []
    for forward in (critic.raw_at, critic._raw_together):
        critic.zero_grad()
        observations, actions = inputs()
        raw = forward(observations, actions, members)
        raw.square().mean().backward()
        found.append([raw, *(p.grad for p in critic.parameters() if p.grad is not None)])
    torch.testing.assert_close(*found)


def test_initial_weights_are_orthogonal():
    critic = new_critic(hidden=(16, 16))
    member = critic.members[1]
    for i, gain in ((0, 2.0), (1, 1e-4)):  # gains sqrt(2) and 0.01, squared
        joint = torch.cat([member.layers[i].weight, member.action_layers[i].weight], dim=1)
        gram = joint.T @ joint if joint.shape[0] > joint.shape[1] else joint @ joint.T
        torch.testing.assert_close(gram, gain * torch.eye(len(gram)), atol=1e-5, rtol=0)
        assert not member.layers[i].bias.any()
    gram = member.head.weight @ member.head.weight.T
    torch.testing.assert_close(gram, 1e-4 * torch.eye(11), atol=1e-6, rtol=0)
    assert {norm.eps for norm in member.norms} == {1e-6}


def test_observations_are_normalised_and_actions_are_not():
    critic = new_critic(head='mse')
    observations, actions = inputs()
    before = critic(observations, actions)
    data = torch.randn(100, 5) * 4.0 + 3.0
    critic.fit_normalisation(data)
    assert not torch.allclose(critic(observations, actions), before)
    torch.testing.assert_close(
        critic(observations * data.std(0) + data.mean(0), actions), before, atol=1e-5, rtol=1e-4
    )


def test_defaults_are_the_papers():
    config = CriticConfig()
    assert (config.members, config.hidden, config.bins) == (10, (512, 512, 512), 128)
    assert config.support == (-100.0, 0.0)
    assert config.action_at_every_layer


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'members': 0}, 'a critic needs a member'),
        ({'hidden': ()}, 'a member and a layer'),
        ({'hidden': (8, -3)}, r'hidden must be widths of at least 1: \[8, -3\]'),
        ({'bins': 1}, '>= 2 bins'),
        ({'sigma_bins': -1.0}, 'sigma > 0'),
        ({'support': (0.0, 0.0)}, 'low < high'),
        ({'head': 'quantile'}, "head is 'quantile', expected 'hl_gauss' or 'mse'"),
    ],
)
def test_impossible_critics_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        CriticConfig(**wrong)
