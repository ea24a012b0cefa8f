# SPDX-License-Identifier: Apache-2.0
import numpy as np

from reward_detector.camera.table_homography import TableHomography
from reward_detector.objects.detector import Detection
from reward_detector.objects.spec import ColourRange, ObjectSpec
from reward_detector.objects.tracker import ObjectTracker

# Seen from straight above at 1000 px/m: x = 0.5 - v/1000, y = 0.3 - u/1000.
HOMOGRAPHY = TableHomography.fit(
    np.array([[0.0, 0.0], [600.0, 0.0], [600.0, 400.0], [0.0, 400.0]]),
    np.array([[0.5, 0.3], [0.5, -0.3], [0.1, -0.3], [0.1, 0.3]]),
)
COLOUR = ColourRange(hue=(0, 10), min_saturation=100, min_value=50)
SPECS = tuple(
    ObjectSpec(name=name, colour=COLOUR, min_area_px=1, contact_to_centre=shift, fixed=fixed)
    for name, shift, fixed in (('cup', 0.02, False), ('rack', 0.0, True))
)


def seen(name, u, v, area=1000.0):
    return Detection(
        name=name, contact_px=np.array([u, v], float), box=(0, 0, 1, 1), area_px=area, score=1.0
    )


def tracker():
    return ObjectTracker(SPECS, HOMOGRAPHY)


def test_never_seen_is_nan():
    objects = tracker().update([])
    assert objects.names == ('cup', 'rack')
    assert np.all(np.isnan(objects.positions))
    assert not objects.visible.any()


def test_order_of_the_task_file_and_shift_to_the_centre():
    objects = tracker().update([seen('rack', 100, 300), seen('cup', 300, 200)])
    np.testing.assert_allclose(objects.positions, [[0.32, 0.0, 0.0], [0.2, 0.2, 0.0]], atol=1e-6)
    assert objects.visible.all()
    assert objects.index('rack') == 1


def test_last_seen_position_is_kept_and_not_shared():
    watch = tracker()
    first = watch.update([seen('cup', 300, 200)])
    hidden = watch.update([])
    np.testing.assert_array_equal(hidden.positions[0], first.positions[0])
    assert not hidden.visible[0]
    watch.update([seen('cup', 100, 200)])
    np.testing.assert_allclose(first.positions[0], [0.32, 0.0, 0.0], atol=1e-6)


def test_arm_over_the_rack_does_not_drag_it():
    watch = tracker()
    for _ in range(3):
        watch.update([seen('rack', 100, 300, area=1000)])
    for _ in range(60):
        covered = watch.update([seen('rack', 140, 270, area=700)])
    np.testing.assert_allclose(covered.positions[1], [0.2, 0.2, 0.0], atol=1e-6)
    assert covered.visible[1]


def test_a_clearer_view_replaces_a_covered_first_one():
    watch = tracker()
    watch.update([seen('rack', 140, 270, area=500)])
    clear = watch.update([seen('rack', 100, 300, area=1000)])
    np.testing.assert_allclose(clear.positions[1], [0.2, 0.2, 0.0], atol=1e-6)


def test_median_ignores_an_outlier():
    watch = tracker()
    for _ in range(4):
        watch.update([seen('rack', 100, 300)])
    outlier = watch.update([seen('rack', 400, 100)])
    np.testing.assert_allclose(outlier.positions[1], [0.2, 0.2, 0.0], atol=1e-6)


def test_a_moved_rack_is_found_in_the_next_episode():
    watch = tracker()
    for _ in range(30):
        watch.update([seen('rack', 100, 300, area=1000)])
    watch.forget()
    moved = watch.update([seen('rack', 200, 100, area=600)])
    np.testing.assert_allclose(moved.positions[1], [0.4, 0.1, 0.0], atol=1e-6)


def test_forget_drops_everything():
    watch = tracker()
    watch.update([seen('cup', 300, 200), seen('rack', 100, 300)])
    watch.forget()
    assert np.all(np.isnan(watch.update([]).positions))
