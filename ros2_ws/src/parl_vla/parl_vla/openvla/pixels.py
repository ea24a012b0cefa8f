# SPDX-License-Identifier: Apache-2.0
"""From pictures to what the vision towers read, as preprocessor_config.json says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
import torch

from parl_files.error import ParlError


class PreprocessorError(ParlError):
    """A checkpoint asks for a preparation of pictures that is not known here."""


class Preprocessor:
    """Resizes a picture without regard to its proportions, and normalises it for each tower."""

    def __init__(self, stored: Mapping[str, Any]) -> None:
        """Read what preprocessor_config.json says.

        Raises:
            PreprocessorError: It lacks a key, or asks for another kind of resizing.
        """
        strategy = stored.get('image_resize_strategy', 'resize-naive')
        if strategy != 'resize-naive':
            raise PreprocessorError(
                f'preprocessor_config.json: image_resize_strategy is {strategy!r}, known is '
                "'resize-naive'; cut the picture by `pictures` and use that"
            )
        missing = {'input_sizes', 'means', 'stds'} - set(stored)
        if missing:
            raise PreprocessorError(f'preprocessor_config.json lacks {sorted(missing)}')
        sizes = {tuple(size[-2:]) for size in stored['input_sizes']}
        if len(sizes) != 1 or len(stored['means']) != 2:
            raise PreprocessorError(
                'preprocessor_config.json must give two towers the same input size: '
                f'{stored["input_sizes"]}'
            )
        self.size: tuple[int, int] = sizes.pop()
        self._means = torch.tensor(stored['means']).view(1, 6, 1, 1)
        self._stds = torch.tensor(stored['stds']).view(1, 6, 1, 1)

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return pixels (B, 6, H, W) of pictures (B, h, w, 3) uint8."""
        if pictures.shape[1:3] != self.size:
            resized = [self._resized(each) for each in pictures.cpu().numpy()]
            pictures = torch.as_tensor(np.stack(resized), device=pictures.device)
        pixels = pictures.permute(0, 3, 1, 2).float() / 255.0
        means, stds = (each.to(pixels.device) for each in (self._means, self._stds))
        return (pixels.repeat(1, 2, 1, 1) - means) / stds

    def _resized(self, picture: np.ndarray) -> np.ndarray:
        height, width = self.size
        return np.asarray(
            Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
        )
