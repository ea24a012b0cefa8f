# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from parl_files.recording.film import decode_picture
from parl_policy.episode.action_space import rotation_from_vector, Target
from parl_policy.episode.observation import (
    Frame,
    ObservationLayout,
    R_DOWN,
    StationState,
    table_in_picture,
)
from parl_policy.policy import ObservationError

LAYOUT = ObservationLayout(object_names=('cup', 'rack'))
SEEING = ObservationLayout(
    object_names=('cup', 'rack'),
    cameras={'camera': (24, 32), 'wrist_camera': (16, 16)},
    instruction='put the cup there',
)
STATE = StationState(
    target=Target(
        np.array([0.30, -0.05, 0.12]), rotation_from_vector(np.array([0, 0, 0.4])) @ R_DOWN, 1.0
    ),
    gripper_opening=0.25,
    object_positions=np.array([[0.35, 0.05, 0.0], [0.20, 0.15, 0.08]]),
    object_visible=np.array([True, False]),
    stamp_s=12.0,
    verdict=1,
)


VALUES = {
    'ee_x': 0.30,
    'ee_y': -0.05,
    'ee_z': 0.12,
    'ee_rx': 0.0,
    'ee_ry': 0.0,
    'ee_rz': 0.4,
    'gripper_target': 1.0,
    'gripper_opening': 0.25,
    'cup_x': 0.35,
    'cup_y': 0.05,
    'cup_from_ee_asinh_x': 2.3124384,  # asinh(0.05 / 0.01)
    'cup_from_ee_asinh_y': 2.9982230,  # asinh(0.1 / 0.01)
    'cup_visible': 1.0,
    'rack_x': 0.20,
    'rack_y': 0.15,
    'rack_from_ee_asinh_x': -2.9982230,  # asinh(-0.1 / 0.01)
    'rack_from_ee_asinh_y': 3.6895039,  # asinh(0.2 / 0.01)
    'rack_visible': 0.0,
}
"""By hand, of everything that may be seen."""


def by_name(state):
    return dict(zip(LAYOUT.names, LAYOUT.observe(state).numbers, strict=True))


def test_every_entry_is_what_its_name_says():
    seen = by_name(STATE)
    assert {'cup_from_ee_asinh_x', 'rack_from_ee_asinh_y', 'ee_z', 'gripper_opening'} <= set(seen)
    np.testing.assert_allclose(list(seen.values()), [VALUES[name] for name in seen], atol=1e-6)
    assert LAYOUT.observe(STATE).numbers.dtype == np.float32
    assert not LAYOUT.observe(STATE).pictures


def test_straight_down_is_no_rotation():
    seen = by_name(replace(STATE, target=replace(STATE.target, rotation=R_DOWN)))
    assert [seen['ee_rx'], seen['ee_ry'], seen['ee_rz']] == [0.0, 0.0, 0.0]


def test_objects_never_seen_are_named():
    positions = STATE.object_positions.copy()
    positions[1, 0] = np.nan
    with pytest.raises(ObservationError, match=r'in .*rack_from_ee_asinh_x: has the camera'):
        LAYOUT.observe(replace(STATE, object_positions=positions))


def test_infinite_joint_is_named():
    with pytest.raises(ObservationError, match='not finite in gripper_opening'):
        LAYOUT.observe(replace(STATE, gripper_opening=np.inf))


def test_other_objects_than_the_task_are_refused():
    with pytest.raises(ObservationError, match=r"2 objects seen, the task has \('cup',\)"):
        ObservationLayout(object_names=('cup',)).observe(STATE)


def frames(**changes):
    """Half red, half blue, larger than what is recorded."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32, 0] = pixels[:, 32:, 2] = 200
    found = {'camera': Frame(12.0, pixels), 'wrist_camera': Frame(12.01, pixels[:16, :16])}
    return found | changes


def test_what_is_seen_is_what_is_recorded():
    state = replace(STATE, frames=frames())
    recorded = SEEING.record(state)
    seen = SEEING.observe(state, recorded)
    assert seen.instruction == 'put the cup there'
    np.testing.assert_allclose(seen.numbers, [VALUES[name] for name in SEEING.names], atol=1e-6)
    assert SEEING.names[:2] == ['ee_x', 'ee_y']
    for camera, size in SEEING.cameras.items():
        assert seen.pictures[camera].shape == (*size, 3)
        assert seen.pictures[camera].dtype == np.uint8
        np.testing.assert_array_equal(seen.pictures[camera], decode_picture(recorded[camera]))
    picture = seen.pictures['camera'].astype(int)
    assert abs(picture[12, 4] - [200, 0, 0]).max() < 20
    assert abs(picture[12, 28] - [0, 0, 200]).max() < 20


def test_objects_that_pictures_do_not_need_may_be_unseen():
    positions = np.full((2, 3), np.nan)
    assert np.isfinite(SEEING.observe(replace(STATE, object_positions=positions)).numbers).all()


def test_a_missing_and_a_small_frame_are_named():
    with pytest.raises(ObservationError, match="no frame of the camera 'camera'"):
        SEEING.record(STATE)
    small = Frame(12.0, np.zeros((15, 16, 3), np.uint8))
    with pytest.raises(ObservationError, match=r"'wrist_camera' are \(15, 16\), less than"):
        SEEING.record(replace(STATE, frames=frames(wrist_camera=small)))


def test_marks_on_the_table_are_found_where_they_were_clicked():
    """A camera straight above: 100 px a metre of 1000, x downwards, y to the left."""
    points = np.array([[0.1, -0.2], [0.1, 0.2], [0.4, -0.2], [0.4, 0.2], [0.25, 0.0]])
    pixels = np.stack([320.0 - 1000.0 * points[:, 1], 1000.0 * points[:, 0]], axis=1)
    matrix = table_in_picture(pixels, points, (480, 640))
    seen = matrix @ [0.3, 0.1, 1.0]
    np.testing.assert_allclose(seen[:2] / seen[2], [220.5 / 640, 300.5 / 480], atol=1e-6)
    with pytest.raises(ObservationError, match='fix no plane; touch others'):
        table_in_picture(pixels[:3], points[:3], (480, 640))
