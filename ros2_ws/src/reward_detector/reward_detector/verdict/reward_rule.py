# SPDX-License-Identifier: Apache-2.0
"""When a task is done: the `reward` section of a task file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from parl_files.config_file import Text
from reward_detector.verdict.polygon_region import greatest_depth


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where the object must be."""

    relative_to: Text
    """The object whose position is the region's origin."""
    polygon: tuple[tuple[float, float], ...]
    """Corners of the region around that origin [m], axes of base_link."""
    surface_height: float
    """Height above the table of what the object rests on in the region [m]."""
    enter_margin: float
    """It enters when this far inside the polygon [m]."""
    leave_margin: float
    """While it rests there, it leaves when this far outside the polygon [m]."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if len(self.polygon) < 3:
            raise ValueError(f'polygon has {len(self.polygon)} corners; give 3 or more [x, y]')
        if np.any(np.all(self.corners == np.roll(self.corners, 1, axis=0), axis=1)):
            raise ValueError('polygon has a corner twice in a row; the last joins the first')
        for field in ('surface_height', 'enter_margin', 'leave_margin'):
            if not getattr(self, field) >= 0.0:
                raise ValueError(f'{field} {getattr(self, field)} must be 0 or more')
        depth = greatest_depth(self.corners)
        if self.enter_margin >= depth:
            raise ValueError(
                f'enter_margin {self.enter_margin} m can never be reached: a point is at most '
                f'{depth:.4f} m inside the polygon; give less'
            )

    @cached_property
    def corners(self) -> np.ndarray:
        """(N, 2) the polygon."""
        return np.array(self.polygon)


@dataclass(frozen=True, kw_only=True)
class RewardRule:
    """Done: the object rests in the region, released and still, seen so for long enough."""

    object: Text
    """The object that must be in the region."""
    region: Region
    min_gripper_opening: float
    """The gripper is open from here on, 0 closed ... 1 open; more than when holding the object."""
    max_object_speed: float
    """It is still when slower than this [m/s], over the window."""
    min_frames: int
    """Consecutive frames that must agree."""
    min_duration: float
    """Time that these frames must span [s]."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.min_duration >= 0.0:
            raise ValueError(f'min_duration {self.min_duration} must be 0 or more')
        if not 0.0 < self.min_gripper_opening <= 1.0:
            raise ValueError(f'min_gripper_opening {self.min_gripper_opening} is outside 0 ... 1')
        if not self.max_object_speed > 0.0:
            raise ValueError(f'max_object_speed {self.max_object_speed} must be positive')
        if self.min_frames < 1:
            raise ValueError(f'min_frames {self.min_frames} must be 1 or more')
