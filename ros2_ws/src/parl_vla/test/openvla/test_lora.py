# SPDX-License-Identifier: Apache-2.0
"""Adapters: alone in learning, beside shared weights, and readable by peft itself."""

from peft import PeftModel
import pytest
from tiny_vla import (
    generator,
    make_policy,
    move_adapters,
    states,
    unread_tensors,
    write_tiny,
)
import torch

from parl_vla.adapters.lora import adapters, LoraConfig, merged_weights, save_adapters
from parl_vla.openvla.base import load_base
from parl_vla.openvla.checkpoint import load_network, read_files, write_checkpoint
from parl_vla.openvla.network import ADAPTED

LORA = LoraConfig(rank=4, alpha=8)
PROJECTIONS = 2 * 7


def sample(policy, seed=0):
    return policy.sample(policy.encode(states(3)), 4, generator(seed))


def logits(network):
    """Of all tokens after a picture and some words."""
    features = torch.randn(2, 4, 48, generator=generator(1))
    inputs = network.read(features, torch.tensor([[1, 8, 9, 10]] * 2))
    count = inputs.shape[1]
    causal = torch.ones(1, 1, count, count, dtype=torch.bool).tril()
    hidden = network.language_model(inputs, torch.arange(count).expand(2, -1), causal)
    return network.language_model.logits(hidden, slice(None)).detach()


def learn(policy, steps=3):
    optimiser = torch.optim.Adam(policy.trainable_parameters(), lr=1e-2)
    targets = torch.zeros(3, 1, policy.action_spec.flat_dim)
    for _ in range(steps):
        optimiser.zero_grad()
        policy.loss(policy.encode(states(3)), targets, None, generator()).sum().backward()
        optimiser.step()


def test_new_adapters_change_nothing_and_lie_on_the_decoder_alone(tiny_folder, tiny_network):
    policy = make_policy(tiny_folder)
    torch.testing.assert_close(logits(policy.network), logits(tiny_network), rtol=0.0, atol=0.0)
    names = list(adapters(policy.network))
    assert len(names) == 2 * PROJECTIONS
    assert all(name.startswith('base_model.model.language_model.model.layers.') for name in names)
    move_adapters(policy)
    assert (logits(policy.network) - logits(tiny_network)).abs().max() > 0.1


def test_only_adapters_get_gradients(tiny_folder):
    policy = make_policy(tiny_folder)
    move_adapters(policy)
    loss = policy.loss(policy.encode(states(3)), torch.zeros(3, 2, 7), None, generator())
    loss.sum().backward()
    own = {id(each) for each in policy.trainable_parameters()}
    for name, each in policy.network.named_parameters():
        assert (each.grad is not None and bool(each.grad.any())) == (id(each) in own), name
        assert each.requires_grad == (id(each) in own), name


def test_two_policies_share_the_base_and_do_not_change_it(tiny_folder):
    first, second = make_policy(tiny_folder), make_policy(tiny_folder)
    base = load_base(tiny_folder, torch.float32).network.state_dict()
    before = {name: tensor.clone() for name, tensor in base.items()}
    places = [
        {name: each.data_ptr() for name, each in policy.network.named_parameters()}
        for policy in (first, second)
    ]
    owned = [name for name in places[0] if places[0][name] != places[1][name]]
    assert len(owned) == 2 * PROJECTIONS
    assert all('.lora_' in name for name in owned)
    untouched = sample(second)
    learn(first)
    assert all(torch.equal(base[name], before[name]) for name in before)
    assert torch.equal(sample(second), untouched)
    assert not torch.equal(sample(first), untouched)


def test_adapters_are_all_that_a_version_holds(tiny_folder):
    first, second = make_policy(tiny_folder), make_policy(tiny_folder, seed=4)
    move_adapters(first)
    state = {name: tensor.clone() for name, tensor in first.state_dict().items()}
    assert len(state) == 2 * PROJECTIONS + 1
    places = [each.data_ptr() for each in second.trainable_parameters()]
    second.load_state_dict(state)
    assert torch.equal(sample(first), sample(second))
    assert [each.data_ptr() for each in second.trainable_parameters()] == places


def test_adapters_of_another_base_rank_or_name_are_refused(tiny_folder, tmp_path):
    state = make_policy(tiny_folder).state_dict()
    other = make_policy(write_tiny(tmp_path / 'other', seed=1))
    with pytest.raises(RuntimeError, match='adapters are of a checkpoint with hash'):
        other.load_state_dict(state)
    wider = make_policy(tiny_folder, lora=LoraConfig(rank=8, alpha=8))
    with pytest.raises(RuntimeError, match=r'is \(4, 32\), expected \(8, 32\)'):
        wider.load_state_dict(state)
    policy = make_policy(tiny_folder)
    name = next(each for each in state if 'lora_A' in each)
    with pytest.raises(KeyError, match='lora_A'):
        policy.load_state_dict({k: v for k, v in state.items() if k != name})
    with pytest.raises(KeyError, match='base_sha256'):
        policy.load_state_dict({k: v for k, v in state.items() if k != 'base_sha256'})


def test_peft_reads_what_is_saved(tiny_folder, tiny_network, tmp_path):
    policy = make_policy(tiny_folder)
    move_adapters(policy)
    save_adapters(policy.network, LORA, ADAPTED, tmp_path, tiny_folder)
    theirs = PeftModel.from_pretrained(tiny_network, tmp_path)
    assert theirs.peft_config['default'].base_model_name_or_path == str(tiny_folder)
    ours = adapters(policy.network)
    loaded = {
        name.replace('.default.', '.'): each
        for name, each in theirs.named_parameters()
        if '.lora_' in name
    }
    assert set(loaded) == set(ours)
    for name, each in ours.items():
        torch.testing.assert_close(loaded[name], each, rtol=0.0, atol=0.0, check_stride=False)
    torch.testing.assert_close(logits(tiny_network), logits(policy.network))


def test_merged_weights_are_a_new_base(tiny_folder, tmp_path):
    policy = make_policy(tiny_folder)
    move_adapters(policy)
    merged = dict(merged_weights(policy.network))
    name = 'language_model.model.layers.1.mlp.up_proj'
    own = adapters(policy.network)
    down, up = (own[f'base_model.model.{name}.lora_{each}.weight'] for each in 'AB')
    weight = policy.base.network.get_submodule(name).weight
    torch.testing.assert_close(merged[f'{name}.weight'], weight + 8 / 4 * up @ down)
    tensors = merged | unread_tensors(policy.network)
    write_checkpoint(tmp_path / 'merged', read_files(tiny_folder), tensors)
    reloaded = load_network(tmp_path / 'merged', torch.float32)
    unmerged = logits(policy.network)
    assert (logits(reloaded) - unmerged).abs().max() < 1e-5 * max(1.0, unmerged.abs().max())
    assert torch.equal(sample(make_policy(tmp_path / 'merged')), sample(policy))


def test_adapters_stay_float32_beside_bfloat16(tiny_folder):
    policy = make_policy(tiny_folder, precision='bfloat16')
    kinds = {'.lora_' in name: each.dtype for name, each in policy.network.named_parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}
    learn(policy, steps=1)
    assert all(each.dtype == torch.float32 for each in policy.trainable_parameters())
    assert sample(policy).isfinite().all()


@pytest.mark.parametrize('wrong', [{'rank': 0}, {'alpha': 0}])
def test_sizes_must_be_at_least_one(wrong):
    with pytest.raises(ValueError, match='at least 1'):
        LoraConfig(**wrong)


def test_small_changes_of_a_bfloat16_base_outlive_a_merge(tiny_folder):
    policy = make_policy(tiny_folder, precision='bfloat16')
    move_adapters(policy, size=1e-3)
    merged = dict(merged_weights(policy.network))
    assert {each.dtype for each in merged.values()} == {torch.float32}
    name = 'language_model.model.layers.1.mlp.up_proj'
    own = adapters(policy.network)
    down, up = (own[f'base_model.model.{name}.lora_{each}.weight'] for each in 'AB')
    weight = policy.base.network.get_submodule(name).weight.float()
    torch.testing.assert_close(merged[f'{name}.weight'], weight + 8 / 4 * up @ down)
    assert (merged[f'{name}.weight'] != weight).float().mean() > 0.9
