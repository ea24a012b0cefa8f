# SPDX-License-Identifier: Apache-2.0
"""Random shift, the augmentation of image-based RL (DrQ, arXiv 2004.13649): pad, then crop."""

from dataclasses import dataclass

import torch

SHIFT_PIXELS = 4


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Random changes of the pictures in training."""

    shift: int = SHIFT_PIXELS
    """Largest shift [px of what the network sees]."""


def draw_shifts(count: int, generator: torch.Generator, most: int = SHIFT_PIXELS) -> torch.Tensor:
    """Draw shifts down and right (count, 2) [pixels], whole numbers in -most…most.

    An observation and its next observation get the same shift, as in the authors' release.
    """
    return torch.randint(-most, most + 1, (count, 2), generator=generator)


def shift_images(images: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Move each picture (B, H, W, C) by its own shift (B, 2) and fill by repeating the edge."""
    height, width = images.shape[1:3]
    rows = (torch.arange(height) - shifts[:, :1]).clamp(0, height - 1)  # (B, H)
    columns = (torch.arange(width) - shifts[:, 1:]).clamp(0, width - 1)  # (B, W)
    image = torch.arange(len(images))[:, None, None]
    return images[image, rows[:, :, None], columns[:, None, :]]
