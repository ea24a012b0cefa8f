# SPDX-License-Identifier: Apache-2.0
"""When a task is done, as the `reward` section of its task file says it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parl_files.task_file import Section
from reward_detector.verdict.polygon_region import greatest_depth


@dataclass(frozen=True, kw_only=True)
class RewardRule:
    """Done: the object rests in the region, released and still, seen so for long enough."""

    object_name: str
    """The object that must be in the region."""
    relative_to: str
    """The object whose position is the region's origin."""
    polygon: np.ndarray
    """(N, 2) corners of the region around that origin [m], axes of base_link."""
    surface_height: float
    """Height above the table of what the object rests on in the region [m]."""
    enter_margin: float
    """It enters when this far inside the polygon [m]."""
    leave_margin: float
    """While it rests there, it leaves when this far outside the polygon [m]."""
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
        if len(self.polygon) < 3:
            raise ValueError(f'polygon has {len(self.polygon)} corners; give 3 or more [x, y]')
        if np.any(np.all(self.polygon == np.roll(self.polygon, 1, axis=0), axis=1)):
            raise ValueError('polygon has a corner twice in a row; the last joins the first')
        for field in ('surface_height', 'enter_margin', 'leave_margin', 'min_duration'):
            if not getattr(self, field) >= 0.0:
                raise ValueError(f'{field} {getattr(self, field)} must be 0 or more')
        depth = greatest_depth(self.polygon)
        if self.enter_margin >= depth:
            raise ValueError(
                f'enter_margin {self.enter_margin} m can never be reached: a point is at most '
                f'{depth:.4f} m inside the polygon; give less'
            )
        if not 0.0 < self.min_gripper_opening <= 1.0:
            raise ValueError(f'min_gripper_opening {self.min_gripper_opening} is outside 0 ... 1')
        if not self.max_object_speed > 0.0:
            raise ValueError(f'max_object_speed {self.max_object_speed} must be positive')
        if self.min_frames < 1:
            raise ValueError(f'min_frames {self.min_frames} must be 1 or more')


def reward_rule(task: Section) -> RewardRule:
    """Parse the `reward` section.

    Raises:
        TaskFileError: a key is missing, unknown or out of range.
    """
    section = task.section('reward')
    scalars = ('min_gripper_opening', 'max_object_speed', 'min_frames', 'min_duration')
    section.allow_only('object', 'region', *scalars)
    region = section.section('region')
    lengths = ('surface_height', 'enter_margin', 'leave_margin')
    region.allow_only('relative_to', 'polygon', *lengths)
    return section.make(
        RewardRule,
        object_name=section.value(str, 'object'),
        relative_to=region.value(str, 'relative_to'),
        polygon=np.array(region.value(list[tuple[float, float]], 'polygon')),
        surface_height=region.value(float, 'surface_height'),
        enter_margin=region.value(float, 'enter_margin'),
        leave_margin=region.value(float, 'leave_margin'),
        min_gripper_opening=section.value(float, 'min_gripper_opening'),
        max_object_speed=section.value(float, 'max_object_speed'),
        min_frames=section.value(int, 'min_frames'),
        min_duration=section.value(float, 'min_duration'),
    )
