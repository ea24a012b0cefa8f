# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from parl_files.observation_names import entry_name, image_shape, observation_size
from parl_policy.episode.action_space import rotation_from_vector, Target
from parl_policy.episode.observation import ObservationLayout, R_DOWN, StationState
from parl_policy.policy import ObservationError

LAYOUT = ObservationLayout(object_names=('cup', 'rack'))
PIXELS = ObservationLayout(object_names=('cup', 'rack'), image_size=(2, 3))
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
    return dict(zip(LAYOUT.names, LAYOUT.observe(state), strict=True))


def test_every_entry_is_what_its_name_says():
    seen = by_name(STATE)
    assert {'cup_from_ee_asinh_x', 'rack_from_ee_asinh_y', 'ee_z', 'gripper_opening'} <= set(seen)
    np.testing.assert_allclose(list(seen.values()), [VALUES[name] for name in seen], atol=1e-6)
    assert LAYOUT.observe(STATE).dtype == np.float32


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


def test_pixels_come_first_channel_by_channel():
    frame = np.zeros((4, 6, 3), np.uint8)  # each pixel of the observation is the mean of four
    frame[:2, :2] = (10, 20, 30)
    frame[0, 4] = 40
    seen = PIXELS.observe(replace(STATE, frame=frame))
    assert PIXELS.names[:2] == ['image[3,2,3]', 'ee_x']
    np.testing.assert_array_equal(
        seen[:18].reshape(3, 2, 3)[:, 0], [[10, 0, 10], [20, 0, 10], [30, 0, 10]]
    )
    np.testing.assert_array_equal(seen[:18].reshape(3, 2, 3)[:, 1], 0.0)
    np.testing.assert_allclose(seen[18:], [VALUES[name] for name in PIXELS.names[1:]], atol=1e-6)
    assert observation_size(PIXELS.names) == len(seen) == 26
    assert image_shape(PIXELS.names) == (3, 2, 3)
    assert [entry_name(PIXELS.names, i) for i in (0, 17, 18)] == [*PIXELS.names[:1] * 2, 'ee_x']


def test_without_an_image_every_name_is_an_entry():
    assert observation_size(LAYOUT.names) == len(LAYOUT.names)
    assert image_shape(LAYOUT.names) is None
    assert observation_size([]) == 0


def test_objects_that_pixels_do_not_need_may_be_unseen():
    positions = np.full((2, 3), np.nan)
    state = replace(STATE, object_positions=positions, frame=np.zeros((4, 6, 3), np.uint8))
    assert np.isfinite(PIXELS.observe(state)).all()


def test_a_missing_frame_is_named():
    with pytest.raises(ObservationError, match='no camera frame was kept'):
        PIXELS.observe(STATE)
