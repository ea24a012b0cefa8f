# SPDX-License-Identifier: Apache-2.0
"""Folders in the layout of the release, whole and not."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file
from tiny_vla import unread_tensors
import torch

from parl_vla.openvla import checkpoint
from parl_vla.openvla.base import load_base
from parl_vla.openvla.checkpoint import (
    CheckpointError,
    is_unread,
    load_network,
    read_files,
    stored_tensors,
    weights_hash,
)
from parl_vla.openvla.network import OpenVLANetwork

WEIGHTS, INDEX = 'model.safetensors', 'model.safetensors.index.json'
NAME = 'language_model.model.norm.weight'


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / 'copy')


def change(folder, edit):
    tensors = load_file(folder / WEIGHTS)
    edit(tensors)
    save_file(tensors, folder / WEIGHTS)


def split(folder):
    """Store the weights as the release does, in files that an index names."""
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    (folder / WEIGHTS).unlink()
    places = {}
    for part in range(3):
        file = f'model-0000{part + 1}-of-00003.safetensors'
        save_file({name: tensors[name] for name in names[part::3]}, folder / file)
        places |= dict.fromkeys(names[part::3], file)
    (folder / INDEX).write_text(json.dumps({'metadata': {}, 'weight_map': places}))


@pytest.mark.parametrize('is_split', [False, True])
def test_all_weights_are_read_but_the_unread(folder, is_split):
    stored = load_file(folder / WEIGHTS)
    if is_split:
        split(folder)
    network = load_network(folder, torch.float32)
    loaded = network.state_dict()
    assert set(stored) - set(loaded) == set(unread_tensors(network))
    for name, tensor in loaded.items():
        torch.testing.assert_close(tensor, stored[name], rtol=0.0, atol=0.0)
    everything = [*network.parameters(), *network.buffers()]
    assert not any(each.is_meta or each.requires_grad for each in everything)
    assert not network.training
    assert {name for name, _ in stored_tensors(folder)} == set(stored)


def test_weights_get_the_type_that_is_asked_for(folder):
    kinds = {each.dtype for each in load_network(folder, torch.bfloat16).parameters()}
    assert kinds == {torch.bfloat16}


def test_only_what_is_never_computed_is_unread(tiny_network):
    assert all(is_unread(name, tiny_network) for name in unread_tensors(tiny_network))
    inverse = 'language_model.model.layers.0.self_attn.rotary_emb.inv_freq'
    assert is_unread(inverse, tiny_network)
    others = [
        *tiny_network.state_dict(),
        'vision_backbone.featurizer.blocks.3.norm1.weight',
        'vision_backbone.fused_featurizer.blocks.20.norm1.weight',
        'language_model.model.layers.2.mlp.up_proj.weight',
        'projector.fc4.weight',
        'vision_backbone.featurizer.head.weight',
    ]
    assert not any(is_unread(name, tiny_network) for name in others)


def test_a_missing_tensor_is_named(folder):
    change(folder, lambda tensors: tensors.pop(NAME))
    with pytest.raises(CheckpointError, match=f'lacks 1 tensors, such as {NAME}; download'):
        load_network(folder, torch.float32)


def test_an_unknown_tensor_is_named(folder):
    change(folder, lambda tensors: tensors.update({'value_head.weight': torch.ones(2)}))
    with pytest.raises(CheckpointError, match=r'unknown tensor value_head\.weight; is it'):
        load_network(folder, torch.float32)


def test_a_wrong_shape_is_named(folder):
    change(folder, lambda tensors: tensors.update({NAME: torch.ones(31)}))
    with pytest.raises(CheckpointError, match=rf'{NAME} is \(31,\), expected \(32,\)'):
        load_network(folder, torch.float32)


def test_a_damaged_file_is_named(folder):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=rf'{WEIGHTS}: .*; download it again'):
        load_network(folder, torch.float32)


def test_an_absent_file_is_named(folder):
    split(folder)
    (folder / 'model-00002-of-00003.safetensors').unlink()
    with pytest.raises(CheckpointError, match=r'lacks model-00002-of-00003\.safetensors; d'):
        load_network(folder, torch.float32)


@pytest.mark.parametrize('content', ['{}', '{"weight_map": 3}', '{', '[]'])
def test_a_damaged_index_is_named(folder, content):
    (folder / INDEX).write_text(content)
    with pytest.raises(CheckpointError, match=INDEX):
        load_network(folder, torch.float32)


@pytest.mark.parametrize('name', ['config.json', 'preprocessor_config.json', 'tokenizer.json'])
def test_files_beside_the_weights_must_be_there(folder, name):
    (folder / name).write_text('{')
    with pytest.raises(CheckpointError, match=rf'{name}: .*`model` must be the folder'):
        read_files(folder)
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf'{name}: .*`model` must be the folder'):
        read_files(folder)


def test_statistics_of_a_fine_tuned_checkpoint_lie_in_their_own_file(folder):
    assert set(read_files(folder).config['norm_stats']) == {'bridge_orig', 'other'}
    (folder / 'dataset_statistics.json').write_text('{"mine": {}}')
    assert set(read_files(folder).config['norm_stats']) == {'mine'}


def test_the_hash_follows_the_content(folder, tiny_folder):
    before = weights_hash(folder)
    assert before == weights_hash(tiny_folder)
    assert len(before) == 64
    change(folder, lambda tensors: tensors[NAME].mul_(1.0001))
    changed = weights_hash(folder)
    (folder / 'config.json').write_text('{}')
    assert len({before, changed, weights_hash(folder)}) == 3


def test_the_modules_are_walked_once(folder, monkeypatch):
    """A walk for each of the thousand tensors of a released checkpoint would take minutes."""
    walks, load = [], OpenVLANetwork.load_state_dict

    def counted(network, *arguments, **settings):
        walks.append(1)
        return load(network, *arguments, **settings)

    monkeypatch.setattr(OpenVLANetwork, 'load_state_dict', counted)
    load_network(folder, torch.float32)
    assert len(walks) <= 1


def test_weights_are_written_in_parts_that_are_read_again(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoint, 'SHARD_BYTES', 100_000)
    stored = dict(stored_tensors(folder))
    (tmp_path / 'parts').mkdir()
    checkpoint.write_shards(tmp_path / 'parts', iter(stored.items()))
    files = checkpoint.shards(tmp_path / 'parts')
    assert len(files) > 2
    largest = max(each.nbytes for each in stored.values())
    assert all(path.stat().st_size < 100_000 + largest + 50_000 for path in files)
    again = dict(stored_tensors(tmp_path / 'parts'))
    assert set(again) == set(stored)
    assert all(torch.equal(again[k].nan_to_num(), stored[k].nan_to_num()) for k in stored)


@pytest.mark.parametrize(
    ('key', 'named'),
    [
        ('text_config', r'text_config\.vocab_size'),
        ('vocab_size', r'text_config\.vocab_size'),
        ('pad_to_multiple_of', 'pad_to_multiple_of'),
    ],
)
def test_sizes_of_the_vocabulary_must_be_there(folder, key, named):
    config = json.loads((folder / 'config.json').read_text())
    config.pop(key, None)
    config.get('text_config', {}).pop(key, None)
    (folder / 'config.json').write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=rf'config\.json lacks {named}, .* take config'):
        load_base(folder, torch.float32)
