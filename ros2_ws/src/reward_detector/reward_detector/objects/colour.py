# SPDX-License-Identifier: Apache-2.0
"""Finds objects of a saturated colour."""

import cv2
import numpy as np

from reward_detector.objects.detector import Detection
from reward_detector.objects.spec import ColourRange, ObjectSpec

# A gripper finger in front of an object splits it in two parts that are at most this far apart.
_BRIDGE_PX = 17
# The middle of an object's contact with the table is taken over so many rows; one is less steady.
_CONTACT_ROWS_PX = 6


class ColourDetector:
    """Finds one object for each colour by HSV segmentation.

    The contact point is the lower edge of the visible mask's convex hull. For a round base and a
    camera without roll it is the point of the rim nearest to the camera. So `contact_to_centre`
    is the radius, and the middle of the lowest rows is the column of the centre.
    """

    def __init__(self, specs: tuple[ObjectSpec, ...]) -> None:
        """Store which objects to look for."""
        self._specs = specs

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Return the objects seen; see `ObjectDetector`.

        An object that touches the image's border is cut off and counts as not seen, because its
        contact point may be outside. An object with fewer pixels than its `min_area_px` counts as
        not seen too.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f'image must be (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}; convert it'
            )
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        found = (self._find(hsv, spec) for spec in self._specs)
        return [detection for detection in found if detection is not None]

    def _find(self, hsv: np.ndarray, spec: ObjectSpec) -> Detection | None:
        blob = _largest_blob(_colour_mask(hsv, spec.colour))
        area = int(np.count_nonzero(blob))
        if area < spec.min_area_px:
            return None
        left, top, width, height = cv2.boundingRect(blob)
        rows, columns = blob.shape
        if left == 0 or top == 0 or left + width == columns or top + height == rows:
            return None
        return Detection(
            name=spec.name,
            contact_px=_contact_point(blob, top, top + height),
            box=(left, top, width, height),
            area_px=float(area),
            score=area / (width * height),
        )


def _colour_mask(hsv: np.ndarray, colour: ColourRange) -> np.ndarray:
    """Return (H, W) uint8, 255 where the colour matches, without single specks."""
    first, last = colour.hue
    spans = [(first, last)] if first <= last else [(first, 179), (0, last)]
    mask = np.zeros(hsv.shape[:2], np.uint8)
    for low, high in spans:
        lower = np.array([low, colour.min_saturation, colour.min_value])
        inside = cv2.inRange(hsv, lower, np.array([high, 255, 255]))
        mask = np.asarray(cv2.bitwise_or(mask, inside))
    return cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))


def _largest_blob(mask: np.ndarray) -> np.ndarray:
    """Return the part of `mask` that is the group of neighbouring spots with the most pixels."""
    grouped = cv2.dilate(mask, np.ones((_BRIDGE_PX, _BRIDGE_PX), np.uint8))
    count, labels = cv2.connectedComponents(grouped)
    if count < 2:
        return mask
    areas = np.bincount(labels[mask > 0], minlength=count)
    areas[0] = 0
    return np.where(labels == int(np.argmax(areas)), mask, 0).astype(np.uint8)


def _contact_point(blob: np.ndarray, top: int, bottom: int) -> np.ndarray:
    """Return (2,) (u, v): the middle of the lowest rows, and the lower edge of the lowest row.

    It is taken on the convex hull, so that a finger in front or a label does not shift it.
    """
    outline = cv2.convexHull(cv2.findNonZero(blob))
    hull = np.asarray(cv2.fillConvexPoly(np.zeros_like(blob), outline, (255,)))
    first = max(top, bottom - _CONTACT_ROWS_PX)
    middles = [
        0.5 * (filled[0] + filled[-1]) for filled in map(np.flatnonzero, hull[first:bottom])
    ]
    return np.array([np.mean(middles), bottom - 0.5])
