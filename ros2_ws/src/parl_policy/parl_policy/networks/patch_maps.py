# SPDX-License-Identifier: Apache-2.0
"""Maps of points, read from the patches of a frozen network that has seen many pictures."""

import importlib
import math
from typing import cast, Protocol

import torch
from torch import nn

from parl_policy.networks.keypoint_encoder import SoftArgmax

FINENESS = 3
"""Cells of a map in each direction of a patch, which alone would be too coarse to grasp by."""


class Backbone(Protocol):
    """A frozen network that describes each patch of a picture."""

    features: int
    """Features of a patch (F)."""
    patches: int
    """Patches of a picture (P), in a square."""

    def see(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return features (B, P, F) of pictures (B, H, W, 3) uint8."""
        ...


def find_backbone(name: str, model: str) -> Backbone:
    """Call `package.module:function` with the folder of a model.

    Raises:
        ValueError: There is no such function.
    """
    module, _, attribute = name.partition(':')
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f'encoder backbone {name!r}: {error}') from error
    return cast(Backbone, function(model))


class PatchMaps(nn.Module):
    """Maps (B, K, H, W) of K points, linear in the features of each patch; the rest is frozen."""

    def __init__(self, backbone: Backbone, keypoints: int) -> None:
        """Make untrained maps."""
        super().__init__()
        # Not a part of the module: its weights are no business of a checkpoint's.
        self._backbone = (backbone,)
        self._side = math.isqrt(backbone.patches)
        self.head = nn.Linear(backbone.features, keypoints * FINENESS**2)
        self.soft_argmax = SoftArgmax((self._side * FINENESS, self._side * FINENESS))

    def maps(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the maps of pictures (B, height, width, 3) of 0…255."""
        features = self._backbone[0].see(pictures.to(torch.uint8)).float()
        cells = self.head(features).transpose(1, 2).unflatten(2, (self._side, self._side))
        return nn.functional.pixel_shuffle(cells, FINENESS)
