# SPDX-License-Identifier: Apache-2.0
"""OpenVLA's network (arXiv 2406.09246): two vision towers, a projector and a Llama decoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import gelu

from parl_files.config_file import from_mapping
from parl_files.error import ParlError
from parl_vla.openvla.llama import Llama, LlamaConfig
from parl_vla.openvla.vision_tower import TowerConfig, VisionTower

TOWERS = {
    'vit_large_patch14_reg4_dinov2.lvd142m': TowerConfig(
        size=224, width=1024, blocks=23, heads=16, mlp=4096, registers=4, layer_scale=True
    ),
    'vit_so400m_patch14_siglip_224': TowerConfig(
        size=224, width=1152, blocks=26, heads=16, mlp=4304
    ),
}
"""The towers of the released checkpoint, by the names that its config.json gives them."""
PROJECTOR_FACTOR = 4
"""Width of the projector's first layer, as a multiple of the towers' widths together."""

ADAPTED = r'language_model\.model\..*\.(q|k|v|o|gate|up|down)_proj'
"""Layers that get adapters: the decoder's, not those of the towers, the projector or the head."""


class CheckpointConfigError(ParlError):
    """A checkpoint's config.json describes no network that is known here."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Shape of a network."""

    towers: tuple[TowerConfig, TowerConfig]
    """DINOv2 and SigLIP; both see as many patches."""
    llama: LlamaConfig

    @property
    def features(self) -> int:
        """Features of a patch, of both towers together (F)."""
        return sum(tower.width for tower in self.towers)


def network_config(checkpoint: Mapping[str, Any]) -> NetworkConfig:
    """Return the shape that a checkpoint's config.json describes.

    Released ones name their towers in `timm_model_ids`; others give their shapes in
    `vision_towers`.

    Raises:
        CheckpointConfigError: It names an unknown tower, or lacks its `text_config`.
        ConfigError: A shape is wrong.
    """
    if 'vision_towers' in checkpoint:
        shapes = enumerate(checkpoint['vision_towers'])
        towers = [from_mapping(TowerConfig, each, f'vision_towers[{i}]') for i, each in shapes]
    else:
        names = checkpoint.get('timm_model_ids', [])
        if unknown := set(names) - set(TOWERS):
            raise CheckpointConfigError(
                f'config.json names the vision towers {sorted(unknown)}; known are '
                f'{sorted(TOWERS)}: give the shapes of others in `vision_towers`'
            )
        towers = [TOWERS[name] for name in names]
    if len(towers) != 2 or 'text_config' not in checkpoint:
        raise CheckpointConfigError(
            f'config.json has {len(towers)} vision towers and '
            f'{"a" if "text_config" in checkpoint else "no"} text_config; OpenVLA has two towers '
            'and a text_config: is this the folder of its checkpoint?'
        )
    text = checkpoint['text_config']
    known = {key: text[key] for key in LlamaConfig.__dataclass_fields__ if key in text}
    known.setdefault('rope_theta', (text.get('rope_parameters') or {}).get('rope_theta', 1e4))
    llama = from_mapping(LlamaConfig, known, 'text_config')
    return NetworkConfig(towers=(towers[0], towers[1]), llama=llama)


class OpenVLANetwork(nn.Module):
    """The network without what is read only in training of the towers."""

    def __init__(self, config: NetworkConfig) -> None:
        """Make a network with weights that are not set."""
        super().__init__()
        self.config = config
        self.vision_backbone = _TwoTowers(config)
        self.projector = _Projector(config.features, config.llama.hidden_size)
        self.language_model = Llama(config.llama)

    def see(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the towers' features (B, P, F) of pixels (B, 6, H, W): 3 channels for each."""
        features: torch.Tensor = self.vision_backbone(pixels)
        return features

    def read(self, features: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Return the embeddings (B, 1 + P + T - 1, W) of a picture inside of a prompt (B, T).

        The picture comes after the first token, which begins the text.
        """
        words = self.language_model.embed(ids)
        patches = self.projector(features)
        return torch.cat([words[:, :1], patches, words[:, 1:]], dim=1)


class _TwoTowers(nn.Module):
    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.featurizer = VisionTower(config.towers[0])
        self.fused_featurizer = VisionTower(config.towers[1])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        first, second = pixels.split(3, dim=1)
        return torch.cat([self.featurizer(first), self.fused_featurizer(second)], dim=-1)


class _Projector(nn.Module):
    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features, PROJECTOR_FACTOR * features)
        self.fc2 = nn.Linear(PROJECTOR_FACTOR * features, width)
        self.fc3 = nn.Linear(width, width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.fc3(gelu(self.fc2(gelu(self.fc1(features)))))
