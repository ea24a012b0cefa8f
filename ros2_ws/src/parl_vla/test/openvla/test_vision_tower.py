# SPDX-License-Identifier: Apache-2.0
"""The towers against DINOv2 with registers and SigLIP of transformers, weights renamed."""

import pytest
from tiny_vla import generator
import torch
from torch import nn
from transformers import (
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from parl_vla.openvla.vision_tower import TowerConfig, VisionTower

SHAPE = {'size': 28, 'patch': 7, 'width': 24, 'blocks': 2, 'heads': 3, 'mlp': 48}
THEIR_SHAPE = {
    'image_size': 28,
    'patch_size': 7,
    'hidden_size': 24,
    'num_hidden_layers': 3,  # the last one is not used
    'num_attention_heads': 3,
    'layer_norm_eps': 1e-6,
    'hidden_act': 'gelu',
    'attn_implementation': 'eager',
}


def random_tower(**more):
    tower = VisionTower(TowerConfig(**SHAPE, **more)).requires_grad_(False)
    draws = generator(4)
    for parameter in tower.parameters():
        parameter.copy_(0.3 * torch.randn(parameter.shape, generator=draws))
    return tower


def pixels():
    return torch.randn(2, 3, 28, 28, generator=generator())


def copy_blocks(tower, blocks, names):
    """Give their blocks our weights; `names` are theirs of the parts of a block."""
    for ours, theirs in zip(tower.blocks, blocks, strict=False):
        thirds = zip(ours.attn.qkv.weight.chunk(3), ours.attn.qkv.bias.chunk(3), strict=True)
        for name, (weight, bias) in zip(names[:3], thirds, strict=True):
            part = theirs.get_submodule(name)
            part.weight.copy_(weight)
            part.bias.copy_(bias)
        parts = (ours.attn.proj, ours.norm1, ours.norm2, ours.mlp.fc1, ours.mlp.fc2)
        for name, part in zip(names[3:], parts, strict=True):
            theirs.get_submodule(name).load_state_dict(part.state_dict())


@torch.no_grad()
def test_features_are_those_of_dinov2_with_registers():
    tower = random_tower(registers=4, layer_scale=True)
    oracle = Dinov2WithRegistersModel(
        Dinov2WithRegistersConfig(**THEIR_SHAPE, mlp_ratio=2, num_register_tokens=4)
    ).eval()
    embeddings = oracle.embeddings
    embeddings.patch_embeddings.projection.load_state_dict(tower.patch_embed.proj.state_dict())
    embeddings.cls_token.copy_(tower.cls_token)
    embeddings.register_tokens.copy_(tower.reg_token)
    # Theirs adds a position to the class token as well; OpenVLA's has positions of patches alone.
    embeddings.position_embeddings.copy_(nn.functional.pad(tower.pos_embed, (0, 0, 1, 0)))
    attention = [f'attention.{name}_proj' for name in 'qkvo']
    copy_blocks(tower, oracle.encoder.layer, [*attention, 'norm1', 'norm2', 'mlp.fc1', 'mlp.fc2'])
    for ours, theirs in zip(tower.blocks, oracle.encoder.layer, strict=False):
        theirs.layer_scale1.lambda1.copy_(ours.ls1.scale_factor)
        theirs.layer_scale2.lambda1.copy_(ours.ls2.scale_factor)
    expected = oracle(pixels(), output_hidden_states=True).hidden_states[-2][:, 5:]
    torch.testing.assert_close(tower(pixels()), expected, atol=1e-5, rtol=1e-5)
    assert expected.shape == (2, 16, 24)


@torch.no_grad()
def test_features_are_those_of_siglip():
    tower = random_tower()
    oracle = SiglipVisionModel(
        SiglipVisionConfig(**THEIR_SHAPE, intermediate_size=48, vision_use_head=False)
    ).eval()
    embeddings = oracle.embeddings
    embeddings.patch_embedding.load_state_dict(tower.patch_embed.proj.state_dict())
    embeddings.position_embedding.weight.copy_(tower.pos_embed[0])
    attention = [f'self_attn.{name}_proj' for name in ('q', 'k', 'v', 'out')]
    norms = ['layer_norm1', 'layer_norm2', 'mlp.fc1', 'mlp.fc2']
    copy_blocks(tower, oracle.encoder.layers, [*attention, *norms])
    expected = oracle(pixels(), output_hidden_states=True).hidden_states[-2]
    torch.testing.assert_close(tower(pixels()), expected, atol=1e-5, rtol=1e-5)
    assert expected.shape == (2, 16, 24)


@pytest.mark.parametrize('wrong', [{'patch': 9}, {'heads': 5}])
def test_what_does_not_divide_is_refused(wrong):
    with pytest.raises(ValueError, match='must divide'):
        TowerConfig(**(SHAPE | wrong))
