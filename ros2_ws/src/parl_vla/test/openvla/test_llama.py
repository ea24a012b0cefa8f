# SPDX-License-Identifier: Apache-2.0
"""The decoder against that of transformers, which reads the same weights."""

import dataclasses

import pytest
from tiny_vla import generator
import torch
from transformers import LlamaConfig as TheirConfig
from transformers import LlamaForCausalLM

from parl_vla.openvla.llama import Llama, LlamaConfig, Memory

CONFIG = LlamaConfig(
    vocab_size=50,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
)
CASES = {
    'as many key heads': {},
    'grouped queries': {'num_key_value_heads': 2},
    'large epsilon': {'rms_norm_eps': 0.3},
    'slow rotation': {'rope_theta': 50.0},
}


def causal(first, last):
    """What the places first…last-1 may look at of the places up to last."""
    return torch.ones(last, last, dtype=torch.bool).tril()[None, None, first:]


def places(first, last, rows=2):
    return torch.arange(first, last).expand(rows, -1)


def random_llama(config):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        llama = Llama(config)
        for parameter in llama.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return llama.requires_grad_(False)


@pytest.mark.parametrize('case', CASES)
def test_logits_are_those_of_transformers(case):
    config = dataclasses.replace(CONFIG, **CASES[case])
    ours = random_llama(config)
    fields = dataclasses.asdict(config)
    theta = fields.pop('rope_theta')
    rope = {'rope_type': 'default', 'rope_theta': theta}
    theirs = LlamaForCausalLM(TheirConfig(**fields, rope_parameters=rope)).eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    ids = torch.randint(0, 50, (2, 11), generator=generator())
    expected = theirs(input_ids=ids).logits
    hidden = ours(ours.embed(ids), places(0, 11), causal(0, 11))
    assert (ours.logits(hidden, slice(0, 50)) - expected).abs().max() < 1e-5
    torch.testing.assert_close(ours.logits(hidden, slice(40, 47)), expected[..., 40:47])
    assert expected.std() > 0.2


@pytest.mark.parametrize('case', ['as many key heads', 'grouped queries'])
def test_a_text_read_in_parts_is_read_as_in_one(case):
    llama = random_llama(dataclasses.replace(CONFIG, **CASES[case]))
    inputs = torch.randn(2, 9, 32, generator=generator())
    whole = llama(inputs, places(0, 9), causal(0, 9))
    memory = Memory(llama.config, rows=2, slots=9, like=inputs)
    parts = [
        llama(inputs[:, a:b], places(a, b), causal(a, b), memory)
        for a, b in ((0, 4), (4, 5), (5, 9))
    ]
    assert (torch.cat(parts, dim=1) - whole).abs().max() < 1e-5


def test_positions_turn_and_masks_hide():
    llama = random_llama(CONFIG)
    inputs = torch.randn(2, 5, 32, generator=generator())
    before = llama(inputs, places(0, 5), causal(0, 5))
    shifted = llama(inputs, places(7, 12), causal(0, 5))
    torch.testing.assert_close(shifted, before, atol=1e-5, rtol=1e-5)  # only distances count
    spread = llama(inputs, 3 * places(0, 5), causal(0, 5))
    assert (spread - before).abs().max() > 1e-2
    mask = causal(0, 5).clone()
    mask[..., 2:, 1] = False
    changed = inputs.clone()
    changed[:, 1] += 1.0
    hidden = [llama(each, places(0, 5), mask)[:, 2:] for each in (inputs, changed)]
    torch.testing.assert_close(*hidden)


def test_defaults_are_those_of_the_released_config():
    assert CONFIG.rms_norm_eps == 1e-6
    assert CONFIG.rope_theta == 10000.0
