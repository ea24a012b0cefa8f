# SPDX-License-Identifier: Apache-2.0
"""The released shape, on the meta device, and how picture and words are put together."""

import dataclasses

import pytest
from tiny_vla import generator
import torch

from parl_files.config_file import ConfigError
from parl_vla.openvla.network import CheckpointConfigError, network_config, OpenVLANetwork

RELEASED = {
    'model_type': 'openvla',
    'timm_model_ids': ['vit_large_patch14_reg4_dinov2.lvd142m', 'vit_so400m_patch14_siglip_224'],
    'text_config': {'model_type': 'llama', 'pad_token_id': 32000, 'vocab_size': 32064},
    'pad_to_multiple_of': 64,
    'n_action_bins': 256,
}
"""What config.json of openvla-7b says about the network's shape."""
DINO, SIGLIP, PROJECTOR, LLAMA = 303_230_976, 427_680_704, 71_385_600, 6_738_939_904
"""Parameters of the parts as stored, by the released checkpoint."""


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def block_size(width, mlp, scales):
    """Parameters of a block: two norms, attention, perceptron, and two scales in DINOv2."""
    attention = width * 3 * width + 3 * width + width * width + width
    return 4 * width + attention + 2 * width * mlp + mlp + width + scales * width


def test_the_released_model_has_its_number_of_parameters():
    with torch.device('meta'):
        network = OpenVLANetwork(network_config(RELEASED))
    towers = network.vision_backbone
    # Stored and never read: the last block and the norm, and SigLIP's pooling by attention, which
    # is a query, q, kv, proj, a norm and a perceptron.
    unread_dino = block_size(1024, 4096, scales=2) + 2 * 1024
    pooling = 1152 + 4 * (1152 * 1152 + 1152) + 2 * 1152 + 2 * 1152 * 4304 + 4304 + 1152
    unread_siglip = block_size(1152, 4304, scales=0) + 2 * 1152 + pooling
    assert count(towers.featurizer) + unread_dino == DINO
    assert count(towers.fused_featurizer) + unread_siglip == SIGLIP
    assert count(network.projector) == PROJECTOR
    assert count(network.language_model) == LLAMA
    assert count(network) + unread_dino + unread_siglip == 7_541_237_184


def test_names_are_those_of_the_release():
    with torch.device('meta'):
        names = set(OpenVLANetwork(network_config(RELEASED)).state_dict())
    assert {
        'vision_backbone.featurizer.cls_token',
        'vision_backbone.featurizer.reg_token',
        'vision_backbone.featurizer.pos_embed',
        'vision_backbone.featurizer.patch_embed.proj.weight',
        'vision_backbone.featurizer.blocks.22.ls2.scale_factor',
        'vision_backbone.fused_featurizer.blocks.25.attn.qkv.bias',
        'projector.fc3.bias',
        'language_model.model.embed_tokens.weight',
        'language_model.model.layers.31.self_attn.o_proj.weight',
        'language_model.model.layers.31.post_attention_layernorm.weight',
        'language_model.model.norm.weight',
        'language_model.lm_head.weight',
    } <= names
    first, second = (
        {name for name in names if name.startswith(f'vision_backbone.{tower}.')}
        for tower in ('featurizer', 'fused_featurizer')
    )
    assert not any('.blocks.23.' in name for name in first)
    assert not any('.blocks.26.' in name for name in second)


@pytest.mark.parametrize('where', ['rope_theta', 'rope_parameters'])
def test_the_decoder_is_shaped_by_text_config(where):
    theta = 5e5 if where == 'rope_theta' else {'rope_theta': 5e5}
    text = RELEASED['text_config'] | {'rms_norm_eps': 1e-5, where: theta, 'hidden_size': 64}
    llama = network_config(RELEASED | {'text_config': text}).llama
    assert (llama.rms_norm_eps, llama.rope_theta, llama.hidden_size) == (1e-5, 5e5, 64)
    plain = network_config(RELEASED).llama
    assert (plain.rms_norm_eps, plain.rope_theta, plain.num_hidden_layers) == (1e-6, 1e4, 32)


def test_a_config_of_another_model_is_refused():
    with pytest.raises(CheckpointConfigError, match=r"towers \['vit_x'\]; known are"):
        network_config(RELEASED | {'timm_model_ids': ['vit_x']})
    with pytest.raises(CheckpointConfigError, match='0 vision towers and no text_config'):
        network_config({})
    with pytest.raises(ConfigError, match=r'vision_towers\[0\]'):
        network_config(RELEASED | {'vision_towers': [{'size': 'large'}] * 2})


def test_dino_comes_before_siglip_and_each_sees_its_own_channels(tiny_network):
    pixels = torch.randn(2, 6, 28, 28, generator=generator())
    towers = tiny_network.vision_backbone
    features = tiny_network.see(pixels)
    assert features.shape == (2, 4, 48)
    torch.testing.assert_close(features[..., :24], towers.featurizer(pixels[:, :3]))
    torch.testing.assert_close(features[..., 24:], towers.fused_featurizer(pixels[:, 3:]))
    assert 'cls_token' in dict(towers.featurizer.named_parameters())
    assert 'cls_token' not in dict(towers.fused_featurizer.named_parameters())


def test_the_picture_stands_behind_the_first_token(tiny_network):
    ids = torch.tensor([[1, 8, 9]])
    features = torch.randn(1, 4, 48, generator=generator())
    read = tiny_network.read(features, ids)
    words = tiny_network.language_model.embed(ids)
    layer, gelu = tiny_network.projector, torch.nn.functional.gelu
    patches = layer.fc3(gelu(layer.fc2(gelu(layer.fc1(features)))))
    torch.testing.assert_close(read[:, 0], words[:, 0])
    torch.testing.assert_close(read[:, 1:5], patches)
    torch.testing.assert_close(read[:, 5:], words[:, 1:])


def test_a_config_survives_being_written(tiny_network):
    stored = {
        'vision_towers': [dataclasses.asdict(each) for each in tiny_network.config.towers],
        'text_config': dataclasses.asdict(tiny_network.config.llama),
    }
    assert network_config(stored) == tiny_network.config
