# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.networks.ln_resnet import FourierFeatures, LNResNet, ResidualBlock


@pytest.fixture
def network():
    torch.manual_seed(0)
    return LNResNet(5, 3, hidden=16, blocks=2, dropout=0.5)


def test_layer_norm_epsilon_is_the_authors(network):
    epsilons = [part.eps for part in network.modules() if isinstance(part, torch.nn.LayerNorm)]
    assert epsilons == [1e-6, 1e-6]


def test_size_of_the_published_network():
    network = LNResNet(60, 9, hidden=256, blocks=3, dropout=0.1)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert round(count / 1e6, 2) == 1.70


def test_shapes_and_broadcasting(network):
    network.eval()
    observations, actions = torch.randn(2, 5), torch.randn(2, 4, 3)
    context = network.encode(observations).unsqueeze(1)
    together = network(context, actions, torch.tensor([[[3.0]]]))
    assert together.shape == (2, 4, 3)
    alone = network(context[1:], actions[1:, 2:3], torch.tensor([[[3.0]]]))
    torch.testing.assert_close(alone[0, 0], together[1, 2])
    other_step = network(context, actions, torch.tensor([[[2.0]]]))
    assert not torch.allclose(together, other_step)


def test_fourier_features_by_hand():
    features = FourierFeatures(4)
    features.frequencies.data = torch.tensor([[0.25, 0.5]])
    found = features(torch.tensor([[1.0]]))  # phases pi/2 and pi
    expected = torch.tensor([[0.0, -1.0, 1.0, 0.0]])
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_residual_block_by_hand():
    block = ResidualBlock(2, dropout=0.0)
    block.expand.weight.data = torch.zeros(8, 2)
    block.expand.weight.data[0, 0] = 1.0
    block.expand.bias.data.zero_()
    block.contract.weight.data = torch.zeros(2, 8)
    block.contract.weight.data[1, 0] = 10.0
    block.contract.bias.data.zero_()
    # LayerNorm of (3, 1) is (1, -1); swish(1) = 1 / (1 + e^-1) = 0.731059.
    found = block(torch.tensor([[3.0, 1.0]]))
    torch.testing.assert_close(found, torch.tensor([[3.0, 8.31059]]), atol=1e-4, rtol=0)


def test_dropout_in_training_only(network):
    inputs = (torch.ones(1, 1, 16), torch.ones(1, 1, 3), torch.zeros(1, 1, 1))
    assert not torch.equal(network(*inputs), network(*inputs))
    network.eval()
    assert torch.equal(network(*inputs), network(*inputs))
