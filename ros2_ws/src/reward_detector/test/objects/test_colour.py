# SPDX-License-Identifier: Apache-2.0
import dataclasses

import cv2
import numpy as np
import pytest

from reward_detector.objects.colour import ColourDetector
from reward_detector.objects.spec import ColourRange, ObjectSpec

BLUE = (26, 76, 230)
RED = (230, 20, 20)


def spec(hue=(100, 125)):
    colour = ColourRange(hue=hue, min_saturation=120, min_value=60)
    return ObjectSpec(
        name='cup', colour=colour, min_area_px=120, contact_to_centre=0.02, fixed=False
    )


def grey():
    return np.full((120, 160, 3), 180, np.uint8)


def only(image, **kwargs):
    detections = ColourDetector((spec(**kwargs),)).detect(image)
    assert len(detections) == 1
    return detections[0]


def test_rectangle_by_hand():
    image = grey()
    image[40:70, 50:71] = BLUE  # rows 40 ... 69, columns 50 ... 70
    seen = only(image)
    assert seen.box == (50, 40, 21, 30)
    assert seen.area_px == 21 * 30
    assert seen.score == pytest.approx(1.0)
    # Middle column 60; the lower edge of row 69 is half a pixel below its centre.
    np.testing.assert_allclose(seen.contact_px, [60.0, 69.5])


def test_finger_in_front_does_not_move_the_contact():
    image = grey()
    image[40:70, 50:71] = BLUE
    image[30:75, 53:63] = (20, 20, 20)
    np.testing.assert_allclose(only(image).contact_px, [60.0, 69.5])


def test_label_at_the_lower_edge_does_not_move_it():
    image = grey()
    cv2.ellipse(image, (80, 60), (30, 20), 0, 0, 360, BLUE, -1)
    plain = only(image).contact_px
    image[60:81, 60:72] = (240, 240, 240)
    np.testing.assert_allclose(only(image).contact_px, plain, atol=1.5)


@pytest.mark.parametrize('top', range(41, 45))
def test_which_of_two_equal_ones_counts_does_not_depend_on_the_part_searched(top):
    image = grey()
    image[top : top + 4, 100:104] = BLUE
    image[top + 1 : top + 5, 20:24] = BLUE
    detections = ColourDetector((dataclasses.replace(spec(), min_area_px=1),)).detect(image)
    # Groups are numbered by pairs of rows of the whole image, in a pair from left to right.
    left_first = top % 2 == 0
    assert [seen.box[:2] for seen in detections] == [(20, top + 1) if left_first else (100, top)]


def test_the_largest_of_two_far_apart():
    image = grey()
    image[10:25, 10:25] = BLUE
    image[60:90, 100:130] = BLUE
    assert only(image).box == (100, 60, 30, 30)


@pytest.mark.parametrize(
    'patch',
    [
        (slice(40, 50), slice(50, 61)),  # 110 px, 120 are asked for
        (slice(90, 120), slice(50, 80)),  # cut by the lower border
        (slice(0, 30), slice(50, 80)),
        (slice(40, 70), slice(0, 30)),
        (slice(40, 70), slice(130, 160)),
    ],
)
def test_too_small_or_cut_is_not_seen(patch):
    image = grey()
    image[patch] = BLUE
    assert ColourDetector((spec(),)).detect(image) == []


def test_specks_are_not_an_object():
    image = grey()
    image[::4, ::4] = BLUE
    assert ColourDetector((spec(),)).detect(image) == []


def test_red_wraps_around_the_hue_circle():
    image = grey()
    image[40:70, 50:71] = RED
    image[40:70, 60:71] = (230, 20, 60)  # hue on the other side of 0
    assert only(image, hue=(165, 10)).box == (50, 40, 21, 30)


@pytest.mark.parametrize('shape', [(120, 160), (120, 160, 4)])
def test_wrong_image(shape):
    with pytest.raises(ValueError, match=r'must be \(H, W, 3\) uint8 RGB'):
        ColourDetector((spec(),)).detect(np.zeros(shape, np.uint8))
