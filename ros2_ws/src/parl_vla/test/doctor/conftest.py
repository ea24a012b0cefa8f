# SPDX-License-Identifier: Apache-2.0
"""A tiny OpenVLA with adapters that learnt something, as a version's file and as an actor."""

from pathlib import Path

import pytest
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig, load_actor, version_to_bytes
from parl_policy.critics.critic import CriticConfig
from parl_policy.policy import ActionSpec
from parl_vla.adapters.lora import adapters
from parl_vla.openvla.base import load_base
from parl_vla.openvla.checkpoint import write_checkpoint
from parl_vla.openvla.small_model import small_model, SmallModelConfig

TINY = SmallModelConfig(
    size=28, tower_width=24, tower_blocks=1, tower_heads=2, width=32, blocks=1, heads=2
)
KEY = 'tiny'
STATISTICS = {'q01': [-0.03] * 6 + [0.0], 'q99': [0.03] * 6 + [1.0], 'mask': [True] * 6 + [False]}
INSTRUCTIONS = ['put the cup on the rack', 'close the drawer']


def actor_config(model: Path, precision: str = 'float32', key: str = KEY) -> ActorConfig:
    """Return how a small VLA acts that sees one camera."""
    return ActorConfig(
        policy_class='parl_vla.policies.openvla:OpenVLAPolicy',
        policy={
            'model': str(model),
            'unnorm_key': key,
            'pictures': {'camera': {'size': [28, 28]}},
            'lora': {'rank': 4, 'alpha': 4},
            'precision': precision,
        },
        critic=CriticConfig(members=2, hidden=(16,)),
        optimisation=ActionOptimisationConfig(samples=8, particles=4, gradient_steps=2),
        choice='argmax',
        observation_names=('x', 'y'),
        action_spec=ActionSpec(1, 7, binary=(6,)),
        cameras={'camera': (40, 40)},
    )


def write_version(path: Path, config: ActorConfig, change: float = 0.02) -> Path:
    """Write a version whose adapters differ from nothing by normal numbers of that size."""
    policy = config.make_policy()
    torch.manual_seed(1)
    for name, each in adapters(policy.network).items():
        if '.lora_B.' in name:
            torch.nn.init.normal_(each, std=change)
    path.write_bytes(version_to_bytes(config, policy, 'policy', 1))
    return path


@pytest.fixture
def config_of():
    """Offer `actor_config`."""
    return actor_config


@pytest.fixture
def write():
    """Offer `write_version`."""
    return write_version


@pytest.fixture
def model(tmp_path):
    """Write a checkpoint's folder."""
    torch.manual_seed(0)
    datasets = {KEY: {'action': STATISTICS}}
    network, files = small_model(TINY, INSTRUCTIONS, datasets)
    write_checkpoint(tmp_path / 'model', files, network.state_dict())
    yield tmp_path / 'model'
    load_base.cache_clear()


@pytest.fixture
def version(model, tmp_path):
    """Write a version's file."""
    return write_version(tmp_path / 'policy.safetensors', actor_config(model))


@pytest.fixture
def actor(version):
    """Load the actor of the version; its network may be broken."""
    return load_actor(version, None)[0]
