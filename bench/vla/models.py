# SPDX-License-Identifier: Apache-2.0
"""Policies with random weights, which take the same time: a small one, and one of full size."""

from pathlib import Path
from unittest import mock

import torch

from parl_policy.episode.action_space import ACTION_DIM, GRIPPER
from parl_policy.observations import PictureConfig
from parl_policy.policy import ActionSpec
from parl_vla.adapters.lora import adapters
from parl_vla.openvla.action_bins import action_ids
from parl_vla.openvla.base import Base
from parl_vla.openvla.llama import LlamaConfig
from parl_vla.openvla.network import NetworkConfig, OpenVLANetwork, TOWERS
from parl_vla.openvla.pixels import Preprocessor
from parl_vla.openvla.prompt import Prompt
from parl_vla.openvla.small_model import PADDING, small_model, SmallModelConfig
from parl_vla.policies import openvla
from parl_vla.policies.openvla_config import OpenVLAPolicyConfig

INSTRUCTION = 'put the cup on the rack'
DEVIATION = 0.02
FULL_VOCABULARY = 32000
CAMERA = 'camera'


def random_network(config: NetworkConfig, kind: torch.dtype) -> OpenVLANetwork:
    """Make a network on the default device, where its weights are drawn: 15 GB are not copied."""
    with torch.device('meta'):
        network = OpenVLANetwork(config).to(kind)
    network.to_empty(device=torch.get_default_device())
    for parameter in network.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=DEVIATION)
        else:
            torch.nn.init.ones_(parameter)
    return network.requires_grad_(False).eval()


def new_policy(is_full: bool, horizon: int = 1) -> openvla.OpenVLAPolicy:
    """Make a policy whose adapters change something: the small model, or full size in bfloat16."""
    ranges = {'q01': [-0.03] * 6 + [0.0], 'q99': [0.03] * 6 + [1.0], 'mask': [True] * 6 + [False]}
    datasets = {'bench': {'action': ranges}}
    small = SmallModelConfig()
    network, files = small_model(small, [INSTRUCTION], datasets)
    vocabulary = network.config.llama.vocab_size - PADDING
    described, kind, size = dict(files.preprocessor), torch.float32, small.size
    if is_full:
        towers = tuple(TOWERS.values())
        llama = LlamaConfig(vocab_size=FULL_VOCABULARY + PADDING)
        shape = NetworkConfig(towers=(towers[0], towers[1]), llama=llama)
        vocabulary, kind, size = FULL_VOCABULARY, torch.bfloat16, towers[0].size
        described['input_sizes'] = [[3, size, size]] * 2
        network = random_network(shape, kind)
    network = network.requires_grad_(False).eval().to(torch.get_default_device())
    base = Base(
        Path('bench'),
        network,
        Prompt(files.tokenizer),
        Preprocessor(described),
        action_ids(vocabulary),
        datasets,
        '00' * 32,
    )
    config = OpenVLAPolicyConfig(
        model='bench',
        unnorm_key='bench',
        pictures={CAMERA: PictureConfig(size=(size, size))},
        precision='bfloat16' if is_full else 'float32',
    )
    spec = ActionSpec(horizon, ACTION_DIM, binary=(GRIPPER,))
    with mock.patch.object(openvla, 'load_base', return_value=base):  # there is no file to read
        policy = openvla.OpenVLAPolicy(0, spec, config)
    for name, each in adapters(policy.network).items():
        if '.lora_B.' in name:
            torch.nn.init.normal_(each, std=1e-3)
    return policy
