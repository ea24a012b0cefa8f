# SPDX-License-Identifier: Apache-2.0
"""Convolutions of pictures at the fastest precision of the device, with float32 weights.

Maps are held channels-last, as pictures are. On a processor that multiplies bfloat16 the maps are
bfloat16 and half as expensive; weights, their gradients and an encoder's features stay float32.
"""

import torch
from torch import nn
from torch.nn.functional import group_norm

from parl_policy.compute.precision import slow_because

STEM_STRIDE = 4


def map_type() -> torch.dtype:
    """Return the type of maps on this thread's device: bfloat16 if it is fast, else float32."""
    return torch.float32 if slow_because('bfloat16') else torch.bfloat16


def scaled(pictures: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Turn pictures (B, H, W, 3) of 0…255 into maps (B, 3, H, W) of -1…1, without a new order."""
    return pictures.permute(0, 3, 1, 2).to(dtype).mul_(1.0 / 127.5).sub_(1.0)


class Convolution(nn.Conv2d):
    """A convolution that takes its maps' type; `kernel` - `stride` must be even or 1.

    A map of N rows becomes one of N / stride rows, rounded up, or down by an even kernel.
    """

    def __init__(
        self, before: int, width: int, kernel: int, stride: int = 1, *, bias: bool = True
    ) -> None:
        """Make one for maps of `before` channels, with He's initial weights (1502.01852)."""
        padding = kernel // 2 if kernel % 2 else (kernel - stride) // 2
        super().__init__(before, width, kernel, stride, padding, bias=bias)
        nn.init.kaiming_normal_(self.weight, mode='fan_in', nonlinearity='relu')
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Apply it: (B, before, H, W) -> (B, width, H / stride, W / stride)."""
        # Not the weights themselves are channels-last: safetensors refuses to save such tensors.
        weight = self.weight.to(maps.dtype, memory_format=torch.channels_last)
        bias = None if self.bias is None else self.bias.to(maps.dtype)
        return self._conv_forward(maps, weight, bias)


class MapNorm(nn.GroupNorm):
    """Group norm (1803.08494) of four groups."""

    def __init__(self, width: int) -> None:
        """Make one for maps of `width` channels."""
        super().__init__(4, width)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Normalise (B, width, H, W)."""
        if maps.dtype == torch.bfloat16 and maps.device.type == 'cpu':
            maps = maps.contiguous()  # that kernel for channels-last takes 7 to 16 times as long
        normal = group_norm(maps, self.num_groups, self.weight, self.bias, self.eps)
        return normal.contiguous(memory_format=torch.channels_last)


def stem(width: int) -> Convolution:
    """Make the first layer, 8×8 with stride 4 (Mnih et al., Nature 518, 2015)."""
    return Convolution(3, width, 8, STEM_STRIDE)


def after_stem(size: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of the stem's map of pictures of height and width `size`."""
    height, width = ((pixels + 4 - 8) // STEM_STRIDE + 1 for pixels in size)
    return height, width
