# SPDX-License-Identifier: Apache-2.0
"""Estimates what a checkpoint takes in memory, from the shape in its config.json alone."""

import re

import torch
from torch import nn

from parl_policy.compute.memory import MemoryNeed
from parl_vla.adapters.lora import LoraConfig
from parl_vla.openvla.network import ADAPTED, NetworkConfig, OpenVLANetwork

PROMPT_TOKENS = 32
"""Tokens of a usual prompt; the picture takes many more."""
PICTURES_AT_ONCE = 16
"""Pictures that the towers see together: always as many, so that the last bits do not depend on
which others are seen."""
GPU_CONTEXT = 1_000_000_000
"""What CUDA and its libraries take for themselves [bytes]."""
LAYER_BUFFERS = 6
"""Results of a layer that live at the same time, each as wide as its widest: a guess, not yet
compared with a measurement."""


def memory_need(
    config: NetworkConfig,
    kind: torch.dtype,
    samples: int,
    numbers: int,
    lora: LoraConfig | None = None,
) -> MemoryNeed:
    """Return what acting in one state takes.

    Args:
        config: Shape of the network.
        kind: Type of the weights.
        samples: Actions drawn of the state (k).
        numbers: Numbers of an action (D).
        lora: Size of the float32 adapters; None for a network without.
    """
    with torch.device('meta'):
        network = OpenVLANetwork(config)
    llama, tower = config.llama, max(config.towers, key=lambda each: each.mlp)
    weights = sum(each.numel() for each in network.parameters()) * kind.itemsize
    prefix = tower.patches + PROMPT_TOKENS
    slots = prefix + samples * (numbers - 1)
    token = 2 * llama.num_hidden_layers * llama.key_value_heads * llama.head_width
    seen = PICTURES_AT_ONCE * (tower.patches + tower.registers + 1) * tower.mlp
    read = prefix * llama.intermediate_size
    parts = {
        'weights': weights,
        'keys and values': slots * token * kind.itemsize,
        'workspace': LAYER_BUFFERS * max(seen, read) * kind.itemsize,
    }
    if lora is not None:
        parts['adapters'] = adapter_weights(network, lora) * torch.float32.itemsize
    if torch.get_default_device().type == 'cuda':
        parts['context of CUDA'] = GPU_CONTEXT
    return MemoryNeed(
        parts,
        "set precision: bfloat16 or fewer samples (k), end what else takes the device's memory, "
        'or take a larger device',
    )


def adapter_weights(network: OpenVLANetwork, lora: LoraConfig) -> int:
    """Count the numbers of all adapters that a network would get."""
    return sum(
        lora.rank * (module.in_features + module.out_features)
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and re.fullmatch(ADAPTED, name)
    )
