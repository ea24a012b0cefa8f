# SPDX-License-Identifier: Apache-2.0
"""Keeps where each object was last seen."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from reward_detector.camera.table_homography import TableHomography
from reward_detector.objects.detector import Detection
from reward_detector.objects.spec import ObjectSpec

# For fixed objects: a view is clear if it shows this share of the largest area seen so far, and
# the position is the median of so many clear views.
_CLEAR_SHARE = 0.9
_MEDIAN_VIEWS = 25


@dataclass(frozen=True, kw_only=True)
class TrackedObjects:
    """Where the task's objects are, in the order of the task file."""

    names: tuple[str, ...]
    """Names of the N objects."""
    positions: np.ndarray
    """(N, 3) last seen positions on the plane z = 0 of `base_link` [m]; NaN if never seen."""
    visible: np.ndarray
    """(N,) bool, the object was seen in this frame."""

    def index(self, name: str) -> int:
        """Return the row of the object called `name`."""
        return self.names.index(name)


class ObjectTracker:
    """Computes object positions from the detections of one frame after the other.

    A position is where the object would be if it stood on the table, because one camera cannot
    tell the height. The position of a lifted object moves away from the camera continuously.

    The region of a task may be relative to a fixed object (the rack). The arm, or an object placed
    on it, must not shift its position, so this is the median of views that are not covered.
    """

    def __init__(self, specs: tuple[ObjectSpec, ...], homography: TableHomography) -> None:
        """Prepare to track the objects of `specs`, seen by the camera of `homography`."""
        self._specs = specs
        self._homography = homography
        self._names = tuple(spec.name for spec in specs)
        self.forget()

    def forget(self) -> None:
        """Forget everything seen so far: the objects may have been moved since."""
        self._positions = np.full((len(self._specs), 3), np.nan)
        self._views: list[deque[tuple[float, np.ndarray]]] = [
            deque(maxlen=_MEDIAN_VIEWS) for _ in self._specs
        ]

    def update(self, detections: list[Detection]) -> TrackedObjects:
        """Take in the detections of one frame and return where the objects are."""
        by_name = {detection.name: detection for detection in detections}
        visible = np.zeros(len(self._specs), bool)
        for row, spec in enumerate(self._specs):
            detection = by_name.get(spec.name)
            if detection is None:
                continue
            seen = self._homography.centre_on_table(detection.contact_px, spec.contact_to_centre)
            if not np.all(np.isfinite(seen)):
                continue
            visible[row] = True
            if spec.fixed:
                seen = self._median_of_clear_views(row, detection.area_px, seen)
            self._positions[row] = seen
        return TrackedObjects(names=self._names, positions=self._positions.copy(), visible=visible)

    def _median_of_clear_views(self, row: int, area_px: float, seen: np.ndarray) -> np.ndarray:
        views = [*self._views[row], (area_px, seen)]
        clear_from = _CLEAR_SHARE * max(area for area, _ in views)
        clear = [(area, place) for area, place in views if area >= clear_from]
        self._views[row] = deque(clear, maxlen=_MEDIAN_VIEWS)
        return np.asarray(np.median([place for _, place in self._views[row]], axis=0))
