# SPDX-License-Identifier: Apache-2.0
"""A checkpoint of OpenVLA's layout with 0.1 million random weights."""

import torch

from parl_policy.observations import Observations, PictureConfig
from parl_policy.policy import ActionSpec
from parl_vla.adapters.lora import LoraConfig
from parl_vla.openvla.checkpoint import write_checkpoint
from parl_vla.openvla.small_model import small_model, SmallModelConfig
from parl_vla.policies.openvla import OpenVLAPolicy, OpenVLAPolicyConfig

SHORT, LONG = 'lift the cup', 'put the cup on the drying rack'
INSTRUCTIONS = (SHORT, LONG)
SHAPE = SmallModelConfig(
    size=28, tower_width=24, tower_blocks=2, tower_heads=2, width=32, blocks=2, heads=4
)
STATISTICS = {
    'q01': [-0.04, -0.03, -0.05, -0.2, -0.1, -0.25, 0.0],
    'q99': [0.05, 0.03, 0.02, 0.2, 0.3, 0.25, 1.0],
    'mask': [True] * 6 + [False],
}
"""Ranges that differ, in metres and radians; the gripper's number is its opening."""
DATASETS = {
    'bridge_orig': {'action': STATISTICS},
    'other': {'action': {'q01': [-1.0] * 7, 'q99': [1.0] * 7}},
}
CAMERA = 'camera'
SPEC = ActionSpec(horizon=1, dim=7, binary=(6,))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def write_tiny(folder, shape=SHAPE, seed=0):
    """Write a checkpoint whose weights are all random, so that each of them matters."""
    network, files = small_model(shape, INSTRUCTIONS, DATASETS)
    draws = generator(seed)
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=draws)
        fan = parameter[0].numel() if parameter.dim() in (2, 4) else 1
        if name.endswith('norm.weight') or 'norm' in name.split('.')[-2]:
            parameter.copy_(float(name.endswith('weight')) + 0.1 * noise)
        elif name.endswith('scale_factor'):
            parameter.copy_(0.7 + 0.3 * noise)
        elif name.endswith('embed_tokens.weight'):
            parameter.copy_(noise)
        elif name.endswith('lm_head.weight'):
            parameter.copy_(3.0 * noise / fan**0.5)  # so that one token can have all probability
        else:
            parameter.copy_(noise / fan**0.5 if fan > 1 else 0.2 * noise)
    write_checkpoint(folder, files, network.state_dict() | unread_tensors(network))
    return folder


def unread_tensors(network):
    """What the released checkpoint holds beside, of the same names: filled with NaN."""
    last = network.config.towers[0].blocks
    names = [
        f'vision_backbone.featurizer.blocks.{last}.attn.qkv.weight',
        f'vision_backbone.featurizer.blocks.{last}.ls1.scale_factor',
        f'vision_backbone.fused_featurizer.blocks.{last}.mlp.fc1.bias',
        'vision_backbone.featurizer.norm.weight',
        'vision_backbone.fused_featurizer.norm.bias',
        'vision_backbone.fused_featurizer.attn_pool.latent',
        'vision_backbone.fused_featurizer.attn_pool.mlp.fc1.weight',
    ]
    return {name: torch.full((3,), torch.nan) for name in names}


def settings(folder, **changed):
    """Fields of a policy's configuration, as a file holds them."""
    fields = {
        'model': str(folder),
        'pictures': {CAMERA: {'size': [28, 28]}},
        'lora': {'rank': 4, 'alpha': 8},
    }
    return fields | changed


def make_policy(folder, spec=SPEC, seed=0, **changed):
    fields = settings(folder)
    fields['pictures'] = {CAMERA: PictureConfig(size=(28, 28))}
    fields['lora'] = LoraConfig(rank=4, alpha=8)
    torch.manual_seed(seed)
    return OpenVLAPolicy(4, spec, OpenVLAPolicyConfig(**(fields | changed)))


def states(count, seed=1, instructions=INSTRUCTIONS):
    """Random pictures, with the instructions in turn."""
    draws = generator(seed)
    pictures = torch.randint(0, 256, (count, 28, 28, 3), generator=draws, dtype=torch.uint8)
    texts = tuple(instructions[row % len(instructions)] for row in range(count))
    return Observations(torch.randn(count, 4, generator=draws), {CAMERA: pictures}, texts)


def move_adapters(policy, size=0.2, seed=5):
    """Give the adapters random weights, so that they change what is written."""
    draws = generator(seed)
    with torch.no_grad():
        for parameter in policy.trainable_parameters():
            parameter.copy_(size * torch.randn(parameter.shape, generator=draws))
