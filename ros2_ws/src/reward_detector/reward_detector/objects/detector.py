# SPDX-License-Identifier: Apache-2.0
"""The protocol of a detector that finds the task's objects in one image."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One object seen in one image."""

    name: str
    """The object's name in the task file."""
    contact_px: np.ndarray
    """(2,) float64 (u, v) where the object meets what it stands on; pixel centres are integers."""
    box: tuple[int, int, int, int]
    """Bounding box (left, top, width, height) [px]."""
    area_px: float
    """Number of visible pixels."""
    score: float
    """Confidence of the detector, 0 ... 1; for colour, the share of the box that is filled."""


class ObjectDetector(Protocol):
    """Finds objects in an image; keeps no memory from one image to the next."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Return at most one detection for each object; an object not seen is left out.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        ...
