# SPDX-License-Identifier: Apache-2.0
"""What the `objects` section of a task file says about each object."""

from __future__ import annotations

from dataclasses import dataclass

from parl_files.config_file import Text


@dataclass(frozen=True, kw_only=True)
class ColourRange:
    """A box in OpenCV's HSV space."""

    hue: tuple[int, int]
    """First and last hue, 0 ... 179; first > last wraps around red."""
    min_saturation: int
    """0 ... 255."""
    min_value: int
    """0 ... 255."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if any(not 0 <= hue <= 179 for hue in self.hue):
            raise ValueError(f'hue {self.hue} is outside 0 ... 179 (OpenCV halves degrees)')
        for field in ('min_saturation', 'min_value'):
            if not 0 <= getattr(self, field) <= 255:
                raise ValueError(f'{field} {getattr(self, field)} is outside 0 ... 255')


@dataclass(frozen=True, kw_only=True)
class ObjectSpec:
    """One object of the task."""

    name: Text
    """Name on the wire."""
    colour: ColourRange
    """What it looks like."""
    min_area_px: int
    """Fewer visible pixels than this do not count as seen."""
    contact_to_centre: float
    """From the lowest visible edge to the object's centre, away from the camera [m]."""
    fixed: bool
    """It stands where it is during an episode, so its position is a median over clear views."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.min_area_px < 1:
            raise ValueError(f'min_area_px {self.min_area_px} must be 1 or more')
        if not 0.0 <= self.contact_to_centre < 0.5:
            raise ValueError(
                f'contact_to_centre {self.contact_to_centre} m is outside 0 ... 0.5; '
                'it is the radius of a round object'
            )
