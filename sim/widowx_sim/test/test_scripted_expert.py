# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

from widowx_sim.scene.task_scene import Script
from widowx_sim.scripted_expert import ExpertConfig, ScriptedExpert

_SCRIPT = Script(
    hover_height=0.115, grasp_height=0.036, release_height=0.059, grasp_offset=(0.0, 0.0)
)
_CUP, _RACK = np.array([0.28, -0.10, 0.0]), np.array([0.28, 0.16, 0.0])


def _play(config, seed, steps=40, cup_after_lift=None, script=_SCRIPT):
    """A perfect arm and gripper: each action is carried out exactly."""
    expert = ScriptedExpert(script, config, seed)
    position, opening = np.array([0.28, 0.02, 0.18]), 1.0
    actions, positions = [], []
    for step in range(steps):
        cup = cup_after_lift if cup_after_lift is not None and opening < 0.8 else _CUP
        action = expert.act(step, position, opening, cup, _RACK)
        position = position + 0.05 * action[:3]
        opening = 1.0 if action[6] > 0 else 0.7
        actions.append(action)
        positions.append(position)
    return np.array(actions), np.array(positions)


def test_closes_at_the_cup_and_opens_at_the_rack():
    actions, positions = _play(ExpertConfig(), 0)
    closed = np.nonzero(actions[:, 6] < 0)[0]
    np.testing.assert_allclose(positions[closed[0]], [0.28, -0.10, 0.036], atol=0.01)
    np.testing.assert_allclose(positions[closed[-1]], [0.28, 0.16, 0.059], atol=0.015)
    assert np.all(np.diff(closed) == 1)
    np.testing.assert_array_equal(actions[:, 3:6], 0.0)


def test_actions_stay_normalised_whatever_the_noise():
    actions, _ = _play(ExpertConfig(aim_error_m=0.05, jitter=0.9, rotation_jitter=0.9), 1)
    assert actions.shape == (40, 7)
    assert np.abs(actions).max() <= 1.0


def test_same_seed_same_actions_and_other_seed_others():
    config = ExpertConfig(aim_error_m=0.01, jitter=0.2, rotation_jitter=0.02)
    first, _ = _play(config, 5)
    np.testing.assert_array_equal(_play(config, 5)[0], first)
    assert not np.array_equal(_play(config, 6)[0], first)


def test_held_cup_is_not_looked_at():
    expected, _ = _play(ExpertConfig(), 0)
    misled, _ = _play(ExpertConfig(), 0, cup_after_lift=np.array([0.1, 0.5, 0.0]))
    np.testing.assert_array_equal(misled, expected)


def test_aim_error_is_one_offset_an_episode_of_the_given_size():
    offsets = []
    for seed in range(200):
        _, positions = _play(ExpertConfig(aim_error_m=0.01), seed, steps=8)
        offsets.append(positions[5, :2] - _CUP[:2])
    assert np.std(offsets) == pytest.approx(0.01, rel=0.15)
    assert np.mean(offsets) == pytest.approx(0.0, abs=0.0015)


@pytest.mark.parametrize(
    ('field', 'value'),
    [('jitter', -0.1), ('aim_error_m', float('nan')), ('close_steps', 0)],
)
def test_bad_configuration_is_named(field, value):
    with pytest.raises(ValueError, match=field):
        ExpertConfig(**{field: value})


def test_offset_grasp_still_puts_the_centre_on_the_goal():
    script = dataclasses.replace(_SCRIPT, grasp_offset=(0.0, 0.034))
    actions, positions = _play(ExpertConfig(), 0, script=script)
    closed = np.nonzero(actions[:, 6] < 0)[0]
    np.testing.assert_allclose(positions[closed[0]], [0.28, -0.066, 0.036], atol=0.01)
    np.testing.assert_allclose(positions[closed[-1]], [0.28, 0.194, 0.059], atol=0.015)


def test_heights_out_of_order_are_named():
    with pytest.raises(ValueError, match='give 0 < grasp < release < hover'):
        dataclasses.replace(_SCRIPT, grasp_height=0.2)
