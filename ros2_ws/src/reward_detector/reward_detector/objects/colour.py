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

_SPECK = np.ones((3, 3), np.uint8)
_BRIDGE = np.ones((_BRIDGE_PX, _BRIDGE_PX), np.uint8)


class ColourDetector:
    """Finds one object for each colour by HSV segmentation.

    The contact point is the lower edge of the visible mask's convex hull. For a round base and a
    camera without roll it is the point of the rim nearest to the camera. So `contact_to_centre`
    is the radius, and the middle of the lowest rows is the column of the centre.
    """

    def __init__(self, specs: tuple[ObjectSpec, ...]) -> None:
        """Store which objects to look for."""
        self._looks = tuple((spec, _hsv_boxes(spec.colour)) for spec in specs)

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
        found = (_find(_inside(hsv, boxes), spec) for spec, boxes in self._looks)
        return [detection for detection in found if detection is not None]


def _find(matching: np.ndarray, spec: ObjectSpec) -> Detection | None:
    """Return the object in (H, W) uint8, 255 where the colour matches."""
    rows, columns = matching.shape
    left, top, right, bottom = _surroundings(matching)
    # Without single specks.
    mask = cv2.morphologyEx(matching[top:bottom, left:right], cv2.MORPH_OPEN, _SPECK)
    blob = _largest_blob(mask)
    area = cv2.countNonZero(blob)
    if area < spec.min_area_px:
        return None
    inner_left, inner_top, width, height = cv2.boundingRect(blob)
    blob = blob[inner_top : inner_top + height, inner_left : inner_left + width]
    left, top = left + inner_left, top + inner_top
    if left == 0 or top == 0 or left + width == columns or top + height == rows:
        return None
    return Detection(
        name=spec.name,
        contact_px=_contact_point(blob, left, top),
        box=(left, top, width, height),
        area_px=float(area),
        score=area / (width * height),
    )


def _hsv_boxes(colour: ColourRange) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return lower and upper corner (3,) of each box in HSV space; red takes two."""
    first, last = colour.hue
    spans = [(first, last)] if first <= last else [(first, 179), (0, last)]
    return tuple(
        (np.array([low, colour.min_saturation, colour.min_value]), np.array([high, 255, 255]))
        for low, high in spans
    )


def _inside(hsv: np.ndarray, boxes: tuple[tuple[np.ndarray, np.ndarray], ...]) -> np.ndarray:
    """Return (H, W) uint8, 255 where the colour is in one of the boxes."""
    mask = cv2.inRange(hsv, *boxes[0])
    for lower, upper in boxes[1:]:
        mask = cv2.bitwise_or(mask, cv2.inRange(hsv, lower, upper))
    return np.asarray(mask)


def _surroundings(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of the part of the image that grouping depends on.

    It begins at even pixels: groups are numbered by blocks of 2 x 2 pixels, and of two groups of
    the same size the first one counts.
    """
    rows, columns = mask.shape
    left, top, width, height = cv2.boundingRect(mask)
    reach = _BRIDGE_PX // 2
    first_column, first_row = max(left - reach, 0) // 2 * 2, max(top - reach, 0) // 2 * 2
    last_column, last_row = min(left + width + reach, columns), min(top + height + reach, rows)
    return first_column, first_row, last_column, last_row


def _largest_blob(mask: np.ndarray) -> np.ndarray:
    """Return the part of `mask` that is the group of neighbouring spots with the most pixels."""
    count, labels = cv2.connectedComponents(cv2.dilate(mask, _BRIDGE))
    if count <= 2:  # the background, and one group at most
        return mask
    areas = np.bincount(labels[mask > 0], minlength=count)
    areas[0] = 0
    return np.where(labels == int(np.argmax(areas)), mask, 0).astype(np.uint8)


def _contact_point(blob: np.ndarray, left: int, top: int) -> np.ndarray:
    """Return (2,) (u, v): the middle of the lowest rows, and the lower edge of the lowest row.

    It is taken on the convex hull, so that a finger in front or a label does not shift it.

    Args:
        blob: (height, width) uint8, the box around the object.
        left: First column of the box in the image.
        top: First row of the box in the image.
    """
    borders, _ = cv2.findContours(blob, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = cv2.convexHull(np.concatenate(borders))
    hull = np.asarray(cv2.fillConvexPoly(np.zeros_like(blob), outline, (255,)))
    lowest = hull[-_CONTACT_ROWS_PX:]
    first = left + np.argmax(lowest, axis=1)
    last = left + hull.shape[1] - 1 - np.argmax(lowest[:, ::-1], axis=1)
    middles = 0.5 * (first + last)
    return np.array([np.mean(middles), top + len(blob) - 0.5])
