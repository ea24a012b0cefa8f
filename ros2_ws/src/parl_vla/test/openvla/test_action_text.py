# SPDX-License-Identifier: Apache-2.0
"""Many actions behind one prefix against each action alone, read from its beginning."""

import dataclasses

import pytest
from tiny_vla import generator
import torch

from parl_vla.openvla.action_text import (
    _invert,
    ActionRules,
    draw,
    packed_log_probabilities,
    Prefix,
)

NUMBERS, COUNT = 4, 3


@pytest.fixture
def llama(tiny_network):
    return tiny_network.language_model


@pytest.fixture
def prefix(llama):
    """Two prefixes of 5 and 8 places; what is behind the shorter one is large."""
    embeddings = torch.randn(2, 8, 32, generator=generator(1))
    embeddings[0, 5:] = 30.0
    return Prefix(embeddings, torch.tensor([5, 8]))


@pytest.fixture
def rules(llama):
    possible = torch.ones(NUMBERS, 256, dtype=torch.bool)
    possible[3] = False
    possible[3, [0, 128]] = True
    last = llama.config.vocab_size - 64
    return ActionRules(slice(last - 256, last), possible, temperature=1.7)


def alone(llama, prefix, rules, row, bins):
    """log p (D, 256) of one action, from all of its text in one reading, without a memory."""
    length = int(prefix.lengths[row])
    words = llama.embed(bins[:-1] + rules.ids.start)
    inputs = torch.cat([prefix.embeddings[row, :length], words]).unsqueeze(0)
    count = inputs.shape[1]
    causal = torch.ones(1, 1, count, count, dtype=torch.bool).tril()
    hidden = llama(inputs, torch.arange(count).unsqueeze(0), causal)[0, length - 1 :]
    logits = hidden @ llama.lm_head.weight[rules.ids].T / rules.temperature
    return logits.masked_fill(~rules.possible, -torch.inf).log_softmax(-1)


def some_bins():
    bins = torch.randint(0, 256, (2, COUNT, NUMBERS), generator=generator(2))
    bins[..., 3] = torch.tensor([0, 128, 0])
    return bins


def taken(log_probs, bins):
    return log_probs.gather(-1, bins.unsqueeze(-1)).squeeze(-1)


def test_packed_actions_are_read_as_each_alone(llama, prefix, rules):
    bins = some_bins()
    packed = packed_log_probabilities(llama, prefix, rules, bins)
    assert packed.shape == (2, COUNT, NUMBERS, 256)
    for row in range(2):
        for index in range(COUNT):
            expected = alone(llama, prefix, rules, row, bins[row, index])
            torch.testing.assert_close(packed[row, index], expected, atol=1e-5, rtol=1e-6)


def test_the_packed_gradient_is_that_of_separate_losses(llama, prefix, rules):
    bins, weights = some_bins(), torch.tensor([[0.2, 0.5, 0.3], [1.5, 0.0, 0.7]])
    trained = [
        llama.model.layers[0].self_attn.q_proj.weight,
        llama.model.layers[1].mlp.down_proj.weight,
        prefix.embeddings,
    ]
    for each in trained:
        each.requires_grad_(True)
    packed = packed_log_probabilities(llama, prefix, rules, bins)
    together = -(weights.unsqueeze(-1) * taken(packed, bins)).sum()
    separate = torch.zeros(())
    for row in range(2):
        for index in range(COUNT):
            each = alone(llama, prefix, rules, row, bins[row, index])
            separate = separate - weights[row, index] * taken(each, bins[row, index]).sum()
    torch.testing.assert_close(together, separate, rtol=1e-5, atol=0.0)
    ours = torch.autograd.grad(together, trained)
    expected = torch.autograd.grad(separate, trained)
    for one, other in zip(ours, expected, strict=True):
        assert other.norm() > 0.1
        assert (one - other).norm() / other.norm() < 1e-5
    assert not ours[2][0, 5:].any()  # behind the shorter prefix


def test_draws_have_the_probability_that_packed_reading_gives(llama, prefix, rules):
    uniform = torch.rand(2, 5, NUMBERS, generator=generator(4))
    bins, log_probs = draw(llama, prefix, rules, uniform)
    packed = packed_log_probabilities(llama, prefix, rules, bins)
    expected = taken(packed, bins).sum(-1)
    torch.testing.assert_close(log_probs, expected, atol=1e-5, rtol=1e-6)
    again, _ = draw(llama, prefix, rules, uniform)
    assert torch.equal(bins, again)
    assert set(bins[..., 3].flatten().tolist()) <= {0, 128}


def test_draws_invert_the_distribution(llama, prefix, rules):
    """A bin is drawn by the numbers between the sum before it and its own, and by no others."""
    nothing = torch.zeros(2, 1, NUMBERS, dtype=torch.long)
    first = packed_log_probabilities(llama, prefix, rules, nothing)[:, 0, 0].exp()
    sums = first.cumsum(-1)
    wanted = torch.tensor([0, 1, 17, 128, 254, 255])
    middle = (sums - first / 2)[:, wanted]
    uniform = torch.full((2, len(wanted), NUMBERS), 0.5)
    uniform[..., 0] = middle
    bins, _ = draw(llama, prefix, rules, uniform)
    assert bins[0, :, 0].tolist() == wanted.tolist()
    assert bins[1, :, 0].tolist() == wanted.tolist()


def test_draws_follow_the_distribution(llama, prefix, rules):
    """Chi-square over ten groups of bins, of the second number given the first one."""
    count = 2000
    uniform = torch.rand(2, count, 2, generator=generator(6))
    uniform[..., 0] = 0.4
    bins, _ = draw(llama, prefix, dataclasses.replace(rules, possible=rules.possible[:2]), uniform)
    assert len(bins[1, :, 0].unique()) == 1
    given = torch.nn.functional.pad(bins[1, 0, :1], (0, NUMBERS - 1))
    expected = alone(llama, prefix, rules, 1, given)[1].exp().double()
    order = expected.argsort()
    groups = ((expected[order].cumsum(0) - 1e-9) * 10).long().clamp(max=9)
    share = torch.zeros(10, dtype=torch.double).index_add(0, groups, expected[order])
    rank = torch.empty_like(order)
    rank[order] = torch.arange(256)
    seen = torch.bincount(groups[rank[bins[1, :, 1]]], minlength=10)
    used = share > 0
    chi = ((seen - count * share)[used].square() / (count * share)[used]).sum()
    assert chi < 28.0  # 9 degrees of freedom: one of a thousand is above 27.9


def test_rounding_at_the_end_gives_no_impossible_bin():
    # In float32 the sum of a distribution may stay below the number; here by much more than that.
    probabilities = torch.zeros(1, 2, 256)
    probabilities[..., [3, 7]] = torch.tensor([0.3999, 0.6])
    assert _invert(probabilities, torch.tensor([[0.99995, 0.1]])).tolist() == [[7, 3]]


def test_temperature_and_top_k_by_hand():
    possible = torch.zeros(1, 256, dtype=torch.bool)
    possible[0, [3, 5, 7]] = True
    logits = torch.zeros(1, 256)
    logits[0, [3, 5, 7, 9]] = torch.tensor([2.0, 1.0, 4.0, 50.0])
    log_probs = ActionRules(slice(0, 256), possible, 2.0).log_probabilities(logits, slice(None))
    powers = torch.tensor([1.0, 0.5, 2.0]).exp()
    torch.testing.assert_close(log_probs[0, [3, 5, 7]].exp(), powers / powers.sum())
    assert log_probs[0].isfinite().sum() == 3
    two = ActionRules(slice(0, 256), possible, 2.0, top_k=2)
    found = two.log_probabilities(logits, slice(None))[0].exp()
    torch.testing.assert_close(found[[3, 5, 7]], torch.tensor([0.26894, 0.0, 0.73106]))


def test_states_of_a_batch_do_not_touch_each_other(llama, prefix, rules):
    uniform = torch.rand(2, 5, NUMBERS, generator=generator(4))
    bins, log_probs = draw(llama, prefix, rules, uniform)
    own = Prefix(prefix.embeddings[:1, :5], prefix.lengths[:1])
    own_bins, own_log_probs = draw(llama, own, rules, uniform[:1])
    assert torch.equal(own_bins, bins[:1])
    torch.testing.assert_close(own_log_probs, log_probs[:1], atol=1e-5, rtol=0.0)
