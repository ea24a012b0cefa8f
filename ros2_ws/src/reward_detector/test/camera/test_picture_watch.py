# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from reward_detector.camera.picture_watch import PictureWatch

ONE = np.zeros((4, 6, 3), np.uint8)
OTHER = np.full((4, 6, 3), 7, np.uint8)
PERIOD_S = 0.2


@pytest.fixture
def watch():
    return PictureWatch()


def play(watch, pictures, waist, begin_s=100.0):
    """Frames at 5 Hz, joint states in between; returns what is said about each frame."""
    said = []
    for index, (picture, angle) in enumerate(zip(pictures, waist, strict=True)):
        stamp_s = begin_s + PERIOD_S * index
        watch.note_joints(stamp_s, np.array([angle, 0.5]))
        said.append(watch.is_frozen(stamp_s, picture.copy()))
    return said


def test_the_same_picture_of_a_moving_arm_is_frozen_from_its_third_time(watch):
    assert play(watch, [ONE] * 4, [0.0, 0.1, 0.2, 0.3]) == [False, False, True, True]


def test_a_picture_of_an_arm_that_stands_may_stay(watch):
    assert not any(play(watch, [ONE] * 20, [0.001 * (i % 2) for i in range(20)]))
    # Then the arm moves, and its picture with it.
    assert play(watch, [OTHER, ONE], [0.1, 0.2], begin_s=104.0) == [False, False]


def test_going_and_coming_back_is_a_motion_too(watch):
    assert play(watch, [ONE] * 4, [0.0, 0.3, 0.0, 0.0]) == [False, False, True, True]


def test_a_motion_before_the_first_picture_is_none_between_the_pictures(watch):
    """The still picture after a reset was called frozen if joint states of its time were lost."""
    watch.note_joints(100.0, np.array([1.0, 0.5]))
    said = []
    for stamp_s in (100.5, 100.7, 100.9, 101.1):
        watch.note_joints(stamp_s + 0.05, np.array([0.0, 0.5]))
        said.append(watch.is_frozen(stamp_s, ONE))
    assert not any(said)


def test_a_new_picture_ends_it(watch):
    assert play(watch, [ONE, ONE, ONE, OTHER, ONE], [0.0, 0.1, 0.2, 0.3, 0.4])[2:] == [
        True,
        False,
        False,
    ]


def test_the_same_frame_again_is_no_repetition(watch):
    watch.note_joints(1.0, np.array([0.0]))
    watch.note_joints(1.2, np.array([1.0]))
    assert not any(watch.is_frozen(1.0, ONE) for _ in range(5))


@pytest.mark.parametrize('failed', [-np.pi, np.nan])
def test_failed_reads_and_missing_joints_are_no_motion(watch, failed):
    assert not any(play(watch, [ONE] * 4, [0.0, failed, failed, failed]))
    silent = PictureWatch()
    silent.note_joints(1.0, np.array([]))
    assert not any(silent.is_frozen(1.0 + index, ONE) for index in range(5))


def test_a_restarted_clock_forgets_and_a_late_joint_state_is_left_out(watch):
    play(watch, [ONE] * 2, [0.0, 0.1])
    watch.note_joints(100.1, np.array([9.0, 9.0]))
    assert watch.is_frozen(100.3, ONE)
    assert play(watch, [ONE] * 2, [2.0, 2.1], begin_s=5.0) == [False, False]
