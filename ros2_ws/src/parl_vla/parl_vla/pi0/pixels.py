# SPDX-License-Identifier: Apache-2.0
"""From pictures to what π0's vision tower reads."""

import torch
from torch.nn import functional


def pixels(pictures: torch.Tensor, size: int) -> torch.Tensor:
    """Return pictures (B, h, w, 3) uint8 as (B, 3, size, size) in [-1, 1].

    Others than squares keep their proportions and get black borders, as in π0's training.
    """
    values = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0
    height, width = values.shape[2:]
    if (height, width) == (size, size):
        return values
    scale = size / max(height, width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    values = functional.interpolate(
        values, inner, mode='bilinear', align_corners=False, antialias=True
    )
    down, right = size - inner[0], size - inner[1]
    borders = (right // 2, right - right // 2, down // 2, down - down // 2)
    return functional.pad(values.clamp(-1.0, 1.0), borders, value=-1.0)
