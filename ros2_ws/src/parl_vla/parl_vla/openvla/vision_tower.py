# SPDX-License-Identifier: Apache-2.0
"""A vision transformer as OpenVLA's two towers are: patches in, features of each patch out.

Module names are those of the released checkpoint, which stem from timm's VisionTransformer.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import gelu

from parl_vla.openvla.attention import attention

NORM_EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """Shape of a tower."""

    size: int
    """Height and width of the square picture [px]."""
    patch: int = 14
    """Height and width of a patch [px]."""
    width: int
    """Features of a patch (W)."""
    blocks: int
    """Blocks that are computed; the released model leaves out the last one of its backbone."""
    heads: int
    """Attention heads."""
    mlp: int
    """Width of the perceptron in a block."""
    registers: int = 0
    """Register tokens beside a class token, as DINOv2 has them; 0: neither."""
    layer_scale: bool = False
    """Whether each branch of a block has a learnt scale, as in DINOv2."""

    def __post_init__(self) -> None:
        """Refuse shapes that do not divide."""
        if self.size % self.patch or self.width % self.heads:
            raise ValueError(f'patch must divide size, and heads must divide width: {self}')

    @property
    def patches(self) -> int:
        """Number of patches P of a picture."""
        return (self.size // self.patch) ** 2


class VisionTower(nn.Module):
    """Features of the patches after the last computed block, without a final norm."""

    def __init__(self, config: TowerConfig) -> None:
        """Make a tower with weights that are not set."""
        super().__init__()
        self.config = config
        self.patch_embed = _PatchEmbedding(config.patch, config.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.patches, config.width))
        if config.registers:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
            self.reg_token = nn.Parameter(torch.zeros(1, config.registers, config.width))
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return features (B, P, W) of normalised pixels (B, 3, H, W)."""
        x = self.patch_embed(pixels) + self.pos_embed
        before = 0
        if self.config.registers:
            prefix = torch.cat([self.cls_token, self.reg_token], dim=1)
            before = prefix.shape[1]
            x = torch.cat([prefix.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        return x[:, before:]


class _PatchEmbedding(nn.Module):
    """The strided convolution of a ViT, computed as a matrix product: faster on a CPU."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        size = self.proj.kernel_size[0]
        count = pixels.shape[2] // size
        patches = pixels.unflatten(3, (count, size)).unflatten(2, (count, size))
        rows = patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        return nn.functional.linear(rows, self.proj.weight.flatten(1), self.proj.bias)


class _Block(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.attn = _Attention(config.width, config.heads)
        self.ls1 = _LayerScale(config.width) if config.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.mlp = _Perceptron(config.width, config.mlp)
        self.ls2 = _LayerScale(config.width) if config.layer_scale else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        )
        return self.proj(attention(query, key, value).transpose(1, 2).flatten(2))


class _Perceptron(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(gelu(self.fc1(x)))


class _LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale_factor = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale_factor
