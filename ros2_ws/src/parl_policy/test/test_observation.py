# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from parl_policy.action_space import rotation_from_vector, Target
from parl_policy.observation import observation_names, observe, R_DOWN, StationState

OBJECTS = ('cup', 'rack')
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
    return dict(zip(observation_names(OBJECTS), observe(state, OBJECTS), strict=True))


def test_every_entry_is_what_its_name_says():
    seen = by_name(STATE)
    assert {'cup_from_ee_asinh_x', 'rack_from_ee_asinh_y', 'ee_z', 'gripper_opening'} <= set(seen)
    np.testing.assert_allclose(list(seen.values()), [VALUES[name] for name in seen], atol=1e-6)
    assert observe(STATE, OBJECTS).dtype == np.float32


def test_straight_down_is_no_rotation():
    seen = by_name(replace(STATE, target=replace(STATE.target, rotation=R_DOWN)))
    assert [seen['ee_rx'], seen['ee_ry'], seen['ee_rz']] == [0.0, 0.0, 0.0]


def test_objects_never_seen_are_named():
    positions = STATE.object_positions.copy()
    positions[1, 0] = np.nan
    with pytest.raises(ValueError, match=r'not finite in .*rack_from_ee_asinh_x: has the camera'):
        observe(replace(STATE, object_positions=positions), OBJECTS)


def test_infinite_joint_is_named():
    with pytest.raises(ValueError, match='not finite in gripper_opening'):
        observe(replace(STATE, gripper_opening=np.inf), OBJECTS)


def test_other_objects_than_the_task_are_refused():
    with pytest.raises(ValueError, match=r"2 objects seen, the task has \('cup',\)"):
        observe(STATE, ('cup',))
