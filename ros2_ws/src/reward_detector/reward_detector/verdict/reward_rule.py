# SPDX-License-Identifier: Apache-2.0
"""The `reward` section of a task file, which says when the task is done."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from parl_files.config_file import Text
from reward_detector.verdict.polygon_region import greatest_depth


@dataclass(frozen=True, kw_only=True)
class Region:
    """The region where the object must be."""

    relative_to: Text
    """The object whose position is the region's origin."""
    polygon: tuple[tuple[float, float], ...]
    """Corners (x, y) relative to that origin, along the axes of `base_link` [m]."""
    surface_height: float
    """Height above the table of the surface that the object rests on in the region [m]."""
    enter_margin: float
    """The object enters when it is this far inside the polygon [m]."""
    leave_margin: float
    """An object that rests in the region leaves when it is this far outside the polygon [m]."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if len(self.polygon) < 3:
            raise ValueError(f'polygon has {len(self.polygon)} corners; give 3 or more [x, y]')
        if np.any(np.all(self.corners == np.roll(self.corners, 1, axis=0), axis=1)):
            raise ValueError(
                'polygon has a corner twice in a row; remove one (the last joins the first)'
            )
        for field in ('surface_height', 'enter_margin', 'leave_margin'):
            if not getattr(self, field) >= 0.0:
                raise ValueError(f'{field} is {getattr(self, field)}; give 0 or more')
        depth = greatest_depth(self.corners)
        if self.enter_margin >= depth:
            raise ValueError(
                f'enter_margin {self.enter_margin} m can never be reached: a point is at most '
                f'{depth:.4f} m inside the polygon; give less'
            )

    @cached_property
    def corners(self) -> np.ndarray:
        """(N, 2) corners of the polygon [m]."""
        return np.array(self.polygon)


@dataclass(frozen=True, kw_only=True)
class RewardRule:
    """The task is done when the object rests in the region, released and still, long enough."""

    object: Text
    """The object that must be in the region."""
    region: Region
    min_gripper_opening: float
    """The gripper counts as open above this, 0 closed ... 1 open; more than with the object."""
    max_object_speed: float
    """The object counts as still below this speed, over the frames that must agree [m/s]."""
    min_frames: int
    """Number of consecutive frames that must agree."""
    min_duration: float
    """Time that these frames must span [s]."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.min_duration >= 0.0:
            raise ValueError(f'min_duration is {self.min_duration}; give 0 or more')
        if not 0.0 < self.min_gripper_opening <= 1.0:
            raise ValueError(
                f'min_gripper_opening is {self.min_gripper_opening}; give more than 0, at most 1'
            )
        if not self.max_object_speed > 0.0:
            raise ValueError(f'max_object_speed is {self.max_object_speed}; give more than 0')
        if self.min_frames < 1:
            raise ValueError(f'min_frames is {self.min_frames}; give 1 or more')
