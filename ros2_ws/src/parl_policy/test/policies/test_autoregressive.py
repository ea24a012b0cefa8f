# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from parl_policy.policies.autoregressive import AutoregressivePolicy, AutoregressivePolicyConfig
from parl_policy.policy import ActionSpec, TokenPolicy

SPEC = ActionSpec(horizon=1, dim=3, binary=(2,))
SMALL = AutoregressivePolicyConfig(bins=8, layers=1, hidden=16, heads=2, dropout=0.0)


@pytest.fixture
def policy():
    torch.manual_seed(0)
    return AutoregressivePolicy(4, SPEC, SMALL)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def set_logits(policy, logits):
    """Whatever was read, predict these (bins,)."""
    policy.network.out.weight.data.zero_()
    policy.network.out.bias.data[:] = logits


def test_the_defaults_are_the_papers():
    config = AutoregressivePolicyConfig()
    assert (config.bins, config.layers, config.hidden, config.heads) == (128, 4, 256, 8)


def test_a_policy_that_knows_nothing_has_the_loss_of_uniform_tokens():
    policy = AutoregressivePolicy(4, SPEC, AutoregressivePolicyConfig(layers=1, hidden=8, heads=1))
    set_logits(policy, torch.zeros(128))
    loss = policy.loss(torch.zeros(1, 4), torch.zeros(1, 1, 3), None, generator())
    # Two numbers of 128 tokens and one of 2: 2 log 128 + log 2.
    assert loss.item() == pytest.approx(10.397208, abs=1e-5)


def test_the_loss_is_the_log_probability_of_the_targets_bins(policy):
    # Probabilities (1, 2, 3, 4, 4, 3, 2, 1) / 20; of the ends alone 1/2 each.
    set_logits(policy, torch.tensor([1.0, 2, 3, 4, 4, 3, 2, 1]).log())
    targets = torch.tensor([[[-0.6, 0.1, 1.0], [0.9, -0.3, -1.0]]])  # bins 1, 4 and 7, 2
    weights = torch.tensor([[1.0, 0.0]])
    losses = [
        policy.loss(torch.zeros(1, 4), targets, w, generator()).item()
        for w in (weights, 1.0 - weights)
    ]
    assert losses[0] == pytest.approx(-math.log(2 / 20 * 4 / 20 * 1 / 2), abs=1e-5)
    assert losses[1] == pytest.approx(-math.log(1 / 20 * 3 / 20 * 1 / 2), abs=1e-5)


def test_tokens_are_those_that_the_loss_reads(policy):
    """Eight bins of 0.25; the third number is binary, so 0.1 is 1."""
    assert isinstance(policy, TokenPolicy)
    found = policy.tokens(torch.tensor([[[-0.6, 0.1, 0.1], [0.9, -0.3, -1.0]]]))
    assert found.tolist() == [[[1, 4, 7], [7, 2, 0]]]


def test_samples_have_the_tokens_probabilities(policy):
    set_logits(policy, torch.tensor([1.0, 2, 3, 4, 4, 3, 2, 1]).log())
    samples = policy.sample(torch.zeros(4, 4), 5_000, generator()).flatten(0, 1)
    expected = torch.tensor([1.0, 2, 3, 4, 4, 3, 2, 1]) / 20.0
    for entry in (0, 1):
        values, counts = samples[:, entry].unique(return_counts=True)
        torch.testing.assert_close(values, torch.linspace(-0.875, 0.875, 8))
        torch.testing.assert_close(counts / 20_000, expected, atol=0.014, rtol=0)  # 4 sigma
    assert samples[:, 2].mean().item() == pytest.approx(0.0, abs=0.03)


def test_sampling_follows_the_conditional_probabilities_of_the_loss(policy):
    """Frequencies of whole actions against exp(-loss), for a network with strong dependence."""
    with torch.no_grad():
        for parameter in policy.network.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator(1))
    context = policy.encode(torch.tensor([[0.3, -1.0, 0.7, 0.2]]))
    samples = policy.sample(context, 20_000, generator())[0]
    actions, counts = samples.unique(dim=0, return_counts=True)
    with torch.no_grad():
        contexts = context.expand(len(actions), 4)
        probabilities = (-policy.loss(contexts, actions.unsqueeze(1), None, generator())).exp()
    assert probabilities.max() > 0.05
    frequencies = counts / 20_000
    deviation = (probabilities * (1.0 - probabilities) / 20_000).sqrt()
    assert ((frequencies - probabilities).abs() < 4.5 * deviation + 1.0 / 20_000).all()


def test_each_number_has_randomness_of_its_own():
    """Untrained, numbers are nearly independent; one shared draw would correlate them by 0.6."""
    torch.manual_seed(0)
    policy = AutoregressivePolicy(
        3, ActionSpec(1, 6), AutoregressivePolicyConfig(layers=1, hidden=32, heads=2)
    )
    samples = policy.sample(torch.zeros(1, 3), 4_000, generator())[0]
    between = torch.corrcoef(samples.T)[~torch.eye(6, dtype=torch.bool)]
    assert between.abs().mean() < 0.05


def test_dropout_never_reaches_samples():
    torch.manual_seed(0)
    config = AutoregressivePolicyConfig(bins=8, layers=1, hidden=16, heads=2, dropout=0.9)
    policy = AutoregressivePolicy(4, SPEC, config)
    assert policy.training
    context = torch.ones(2, 4)
    first, second = (policy.sample(context, 16, generator()) for _ in range(2))
    assert torch.equal(first, second)
    targets = torch.zeros(2, 1, 3)
    first, second = (policy.loss(context, targets, None, generator()) for _ in range(2))
    assert not torch.equal(first, second)


def test_many_samples_are_drawn_in_parts_without_a_seam(policy):
    context, shape = torch.randn(5, 4), (5, 3, 3)
    whole = policy.sample(context, 3, generator())
    policy.SAMPLES_AT_ONCE = 6  # two states at once
    assert torch.equal(policy.sample(context, 3, generator()), whole)
    policy.SAMPLES_AT_ONCE = 1  # never less than one state
    torch.testing.assert_close(policy.sample(context, 3, generator()), whole)
    assert whole.shape == shape


def test_an_action_of_one_number():
    policy = AutoregressivePolicy(4, ActionSpec(1, 1), SMALL)
    set_logits(policy, torch.zeros(8))
    loss = policy.loss(torch.zeros(2, 4), torch.zeros(2, 3, 1), None, generator())
    torch.testing.assert_close(loss, torch.full((2,), 2.0794415))  # log 8
    assert policy.sample(torch.zeros(2, 4), 3, generator()).shape == (2, 3, 1)


@pytest.mark.parametrize(
    ('wrong', 'said'),
    [({'heads': 3}, 'heads'), ({'layers': 0}, 'layers'), ({'dropout': 1.0}, 'dr')],
)
def test_settings_that_cannot_work_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        AutoregressivePolicyConfig(**wrong)
