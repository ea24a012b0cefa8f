# SPDX-License-Identifier: Apache-2.0
"""The `objects` section of a task file."""

from dataclasses import dataclass

from parl_files.config_file import Text


@dataclass(frozen=True, kw_only=True)
class ColourRange:
    """A box in OpenCV's HSV space."""

    hue: tuple[int, int]
    """First and last hue, 0 ... 179; first > last wraps around red."""
    min_saturation: int
    """Smallest saturation, 0 ... 255."""
    min_value: int
    """Smallest value (brightness), 0 ... 255."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if any(not 0 <= hue <= 179 for hue in self.hue):
            raise ValueError(f'hue is {self.hue}; give 0 ... 179 (half degrees, as in OpenCV)')
        for field in ('min_saturation', 'min_value'):
            if not 0 <= getattr(self, field) <= 255:
                raise ValueError(f'{field} is {getattr(self, field)}; give 0 ... 255')


@dataclass(frozen=True, kw_only=True)
class ObjectSpec:
    """One object of the task."""

    name: Text
    """Name in messages and observations."""
    colour: ColourRange
    """What it looks like."""
    min_area_px: int
    """An object with fewer visible pixels than this counts as not seen."""
    contact_to_centre: float
    """Distance from the lowest visible edge to the centre, away from the camera [m]."""
    fixed: bool
    """Whether it never moves during an episode; then its position is a median of clear views."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.min_area_px < 1:
            raise ValueError(f'min_area_px is {self.min_area_px}; give 1 or more')
        if not 0.0 <= self.contact_to_centre < 0.5:
            raise ValueError(
                f'contact_to_centre is {self.contact_to_centre} m; give 0 ... 0.5, '
                'for a round object its radius'
            )
