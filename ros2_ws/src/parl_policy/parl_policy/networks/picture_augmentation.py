# SPDX-License-Identifier: Apache-2.0
"""Random changes of pictures that leave their meaning: shift, light, and a covered rectangle.

The random shift is DrQ's (2004.13649): pad by repeating the edge, then crop. Light and cut-out are
two of those compared in RAD (2004.14990); a rectangle may reach over the edge (1708.04552). All
work on whole numbers, so that they are exact.
"""

from dataclasses import dataclass

import torch

GREY = 128
FRACTION_BITS = 6
"""Bits after the point of gains, so that a product with a pixel fits 16 bits."""


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """The largest changes; 0 turns one off."""

    shift: int = 4
    """Largest shift in each direction [pixels]."""
    brightness: float = 0.0
    """Largest part of the full scale that is added or subtracted, 0…1."""
    contrast: float = 0.0
    """Largest relative change of the difference from grey, 0…1."""
    cut_out: float = 0.0
    """Largest height and width of a grey rectangle, as a part of the picture's, 0…1."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.shift < 0 or not 0 <= self.cut_out <= 1:
            raise ValueError(f'shift must be at least 0, cut_out from 0 to 1: {self}')
        if min(self.brightness, self.contrast) < 0 or self.brightness + self.contrast > 1:
            raise ValueError(
                f'brightness and contrast must be at least 0, at most 1 in sum: {self}'
            )


@dataclass(frozen=True)
class Augmentation:
    """The changes of B pictures; the two of a transition can have the same."""

    shifts: torch.Tensor | None
    """(B, 2) down and right [pixels]; None where no picture moves."""
    light: torch.Tensor | None
    """(B, 2) gain and offset by which a pixel changes, in 1/64 (int16); None for the same."""
    boxes: torch.Tensor | None
    """(B, 4) top, left, height and width as parts of the picture's, or None."""


def draw_augmentation(
    count: int, config: AugmentationConfig, generator: torch.Generator
) -> Augmentation:
    """Draw the changes of `count` pictures, evenly over their ranges."""
    most = config.shift
    shifts = light = boxes = None
    if most:
        shifts = torch.randint(-most, most + 1, (count, 2), generator=generator)
    if config.brightness or config.contrast:
        brightness, contrast = torch.rand(2, count, generator=generator) * 2.0 - 1.0
        gains = 1.0 + contrast * config.contrast
        offsets = GREY * (1.0 - gains) + 255.0 * brightness * config.brightness
        # Half a step more makes the later cut of fraction bits a rounding.
        steps = (torch.stack([gains, offsets + 0.5], dim=1) * 2**FRACTION_BITS).round()
        light = steps.to(torch.int16)
    if config.cut_out:
        sides = torch.rand(count, 2, generator=generator) * config.cut_out
        corners = torch.rand(count, 2, generator=generator) - sides / 2.0
        boxes = torch.cat([corners, sides], dim=1)
    return Augmentation(shifts, light, boxes)


def augmented(pictures: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    """Return the pictures (B, H, W, C) of 0…255 (uint8) with each its own changes."""
    if augmentation.shifts is not None:
        pictures = shifted(pictures, augmentation.shifts)
    if augmentation.light is not None:
        pictures = _lit(pictures, augmentation.light)
    if augmentation.boxes is not None:
        pictures = _covered(pictures, augmentation.boxes)
    return pictures


def shifted(pictures: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Move each picture (B, H, W, C) by its own shift (B, 2) and fill by repeating the edge."""
    count, height, width, channels = pictures.shape
    # Rows are picked, then blocks of columns copied; to pick pixels takes 4 to 6 times as long.
    rows = (torch.arange(height) - shifts[:, :1]).clamp_(0, height - 1)
    rows = (rows + torch.arange(count)[:, None] * height).flatten()
    lines = pictures.reshape(count * height, width * channels).index_select(0, rows)
    found = torch.empty_like(pictures, memory_format=torch.contiguous_format)
    sources = lines.view(found.shape).unbind()
    limited = shifts[:, 1].clamp(1 - width, width - 1).tolist()
    for target, source, right in zip(found.unbind(), sources, limited, strict=True):
        if right >= 0:
            target[:, right:] = source[:, : width - right]
            target[:, :right] = source[:, :1]
        else:
            target[:, :right] = source[:, -right:]
            target[:, right:] = source[:, -1:]
    return found


def _lit(pictures: torch.Tensor, light: torch.Tensor) -> torch.Tensor:
    """Return gain · pixel + offset, with gains and offsets (B, 2) in 1/64, kept in 0…255."""
    gains, offsets = light[:, :, None, None, None].unbind(1)
    changed = (pictures.to(torch.int16) * gains).add_(offsets)
    return changed.bitwise_right_shift_(FRACTION_BITS).clamp_(0, 255).to(torch.uint8)


def _covered(pictures: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Return the pictures with grey boxes (B, 4)."""
    height, width = pictures.shape[1:3]
    scale = torch.tensor([height, width, height, width])
    pictures = pictures.clone()
    starts = boxes[:, :2]
    edges = torch.cat([starts, starts + boxes[:, 2:]], dim=1).clamp(0.0, 1.0)
    places = (edges * scale).round().long().tolist()
    for picture, (top, left, bottom, right) in zip(pictures.unbind(), places, strict=True):
        picture[top:bottom, left:right] = GREY
    return pictures
