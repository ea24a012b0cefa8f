# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.networks.token_transformer import repeat_cache, TokenTransformer, TransformerBlock


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = TokenTransformer(3, tokens=6, bins=11, layers=2, width=16, heads=4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn(parameter.shape)  # nothing stays too small to see
    return network


TOKENS = torch.tensor([[3, 10, 0, 7, 7], [1, 1, 2, 9, 4]])
OBSERVATIONS = torch.tensor([[0.3, -1.0, 0.7], [1.5, 0.2, -0.4]])


def test_token_by_token_is_the_same_as_all_at_once(network):
    first, begun = network.begin(OBSERVATIONS, 0.0)
    at_once, _ = network.extend(TOKENS, begun, 0.0)
    cache, singly = begun, []
    for i in range(TOKENS.shape[1]):
        logits, cache = network.extend(TOKENS[:, i : i + 1], cache, 0.0)
        singly.append(logits)
    assert first.shape == (2, 1, 11)
    torch.testing.assert_close(torch.cat(singly, 1), at_once, atol=1e-5, rtol=0)


def test_no_token_sees_a_later_one(network):
    _, cache = network.begin(OBSERVATIONS, 0.0)
    before, _ = network.extend(TOKENS, cache, 0.0)
    changed = TOKENS.clone()
    changed[:, 3] = 5
    after, _ = network.extend(changed, cache, 0.0)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert ((before - after)[:, 3:].abs().amax(-1) > 1e-3).all()


def test_every_token_sees_the_state_and_all_before(network):
    _, cache = network.begin(OBSERVATIONS, 0.0)
    before, _ = network.extend(TOKENS, cache, 0.0)
    _, other = network.begin(OBSERVATIONS + 1.0, 0.0)
    assert ((before - network.extend(TOKENS, other, 0.0)[0]).abs().amax(-1) > 1e-3).all()
    changed = TOKENS.clone()
    changed[:, 0] = 5
    after, _ = network.extend(changed, cache, 0.0)
    assert ((before - after).abs().amax(-1) > 1e-3).all()


def test_a_repeated_cache_serves_several_samples_of_a_state(network):
    _, cache = network.begin(OBSERVATIONS, 0.0)
    shared, _ = network.extend(TOKENS.repeat_interleave(3, 0), repeat_cache(cache, 3), 0.0)
    alone, _ = network.extend(TOKENS, cache, 0.0)
    torch.testing.assert_close(shared, alone.repeat_interleave(3, 0), atol=1e-5, rtol=0)


def test_a_block_attends_as_written_out():
    """One head, one position before: softmax of two scaled products, by hand."""
    torch.manual_seed(1)
    block = TransformerBlock(width=4, heads=1)
    x, past = torch.randn(1, 1, 4), (torch.randn(1, 1, 1, 4), torch.randn(1, 1, 1, 4))
    q, k, v = block.queries_keys_values(block.attention_norm(x))[0, 0].chunk(3)
    scores = torch.stack([q @ past[0].flatten(), q @ k]) / 4.0**0.5
    weights = scores.exp() / scores.exp().sum()
    attended = x + block.attention_out(weights[0] * past[1].flatten() + weights[1] * v)
    inner = torch.nn.functional.gelu(block.expand(block.norm(attended)))
    out, (keys, _) = block(x, past, 0.0)
    torch.testing.assert_close(out, attended + block.contract(inner))
    assert keys.shape == (1, 1, 2, 4)


def test_dropout_is_an_argument_not_a_mode(network):
    network.train()
    first, second = (network.begin(OBSERVATIONS, 0.0)[0] for _ in range(2))
    assert torch.equal(first, second)
    network.eval()
    first, second = (network.begin(OBSERVATIONS, 0.5)[0] for _ in range(2))
    assert not torch.equal(first, second)
