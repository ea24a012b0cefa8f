# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from parl_policy.episode.action_space import Target
from parl_policy.episode.input_gate import ExecutedInput, InputGate, ObjectsInput, VerdictInput

OBJECTS = ObjectsInput(10.0, ('cup',), np.array([[0.3, 0.1, 0.0]]), np.array([True]))
VERDICT = VerdictInput(10.0, 'e1', 1)
TARGET = Target(np.zeros(3), np.eye(3), 1.0)
EXECUTED = ExecutedInput('e1', 4, replace(TARGET, gripper=0.0))


def gate_with(objects=OBJECTS, verdict=VERDICT, opening=(10.0, 0.5), executed=EXECUTED):
    gate = InputGate(frame_slack_s=0.07)
    if objects:
        gate.take_objects(objects)
    if verdict:
        gate.take_verdict(verdict)
    if opening:
        gate.take_opening(*opening)
    if executed:
        gate.take_executed(executed)
    return gate


def test_complete_inputs_become_a_state():
    gate = gate_with()
    assert gate.missing(10.0, 'e1', 5) == ''
    state = gate.state(TARGET)
    assert state.target.gripper == 0.0, 'what the driver executed'
    assert state.gripper_opening == 0.5
    assert state.object_positions is OBJECTS.positions
    assert state.object_visible is OBJECTS.visible
    assert (state.stamp_s, state.verdict) == (10.0, 1)
    assert gate.object_names == ('cup',)
    assert gate.now_s == 10.0


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'objects': None}, 'object_positions: nothing new'),
        ({'verdict': None}, 'reward: nothing for episode e1'),
        ({'opening': None}, 'joint_states: nothing new'),
        ({'executed': None}, 'executed_target: none for step 4'),
        # of an earlier boundary
        ({'objects': replace(OBJECTS, stamp_s=9.8)}, 'object_positions: nothing new'),
        ({'opening': (9.8, 0.5)}, 'joint_states: nothing new'),
        # of another frame, episode or step
        ({'verdict': replace(VERDICT, stamp_s=9.95)}, 'reward: none yet for the newest frame'),
        ({'verdict': replace(VERDICT, episode_id='e0')}, 'reward: nothing for episode e1'),
        ({'verdict': replace(VERDICT, episode_id='')}, 'reward: nothing for episode e1'),
        ({'executed': replace(EXECUTED, step=3)}, 'executed_target: none for step 4'),
        ({'executed': replace(EXECUTED, episode_id='e0')}, 'executed_target: none for step 4'),
    ],
)
def test_what_lacks_is_named(changes, message):
    assert gate_with(**changes).missing(10.0, 'e1', 5).startswith(message)


def test_the_opening_is_of_the_frame_s_time_whatever_came_first():
    """Twenty joint states of a lock-step period: some of them were once still on their way."""
    gate = gate_with(opening=None)
    for tick in range(14):
        gate.take_opening(9.81 + 0.01 * tick, 0.01 * tick)
    assert gate.missing(10.0, 'e1', 5) == 'joint_states: none yet of the frame at 10.000 s'
    for tick in range(14, 25):
        gate.take_opening(9.81 + 0.01 * tick, 0.01 * tick)
    assert gate.missing(10.0, 'e1', 5) == ''
    assert gate.state(TARGET).gripper_opening == pytest.approx(0.19)


def test_time_must_have_come():
    assert 'time stands at 10.000 s, the step begins at 10.200 s' in gate_with().missing(
        10.2, 'e1', 5
    )


def test_a_last_digit_of_the_time_does_not_count():
    """A target due then was once held back until the next joint state, 10 ms later."""
    gate = gate_with()
    assert gate.has_come(10.0 + 1e-6)
    assert not gate.has_come(10.002)


def test_a_frame_within_the_slack_still_shows_the_boundary():
    objects = replace(OBJECTS, stamp_s=9.95)
    gate = gate_with(objects=objects, verdict=replace(VERDICT, stamp_s=9.95))
    assert gate.missing(10.0, 'e1', 5) == ''
    assert gate.state(TARGET).stamp_s == 9.95


def test_nothing_is_complete_before_anything_came():
    assert InputGate(0.07).missing(10.0, 'e1', 0)
    with pytest.raises(RuntimeError, match='ask `missing` first'):
        InputGate(0.07).state(TARGET)


def test_the_first_step_starts_from_the_start_target():
    gate = gate_with(executed=None)
    assert gate.missing(10.0, 'e1', 0) == ''
    assert gate.state(TARGET).target is TARGET
    gate = gate_with()
    gate.begin_episode()
    assert gate.state(TARGET).target is TARGET


def test_a_late_answer_to_an_earlier_episode_is_no_start():
    gate = gate_with(executed=None)
    gate.begin_episode()
    gate.take_executed(replace(EXECUTED, episode_id='e0'))
    assert gate.missing(10.0, 'e1', 0) == ''
    assert gate.state(TARGET).target is TARGET


def test_a_restarted_clock_makes_all_inputs_old():
    gate = gate_with()
    gate.take_opening(2.0, 0.1)
    assert gate.now_s == 2.0
    assert gate.missing(2.0, 'e1', 5).startswith('object_positions: nothing new')
    gate.take_objects(replace(OBJECTS, stamp_s=2.0))
    assert gate.missing(2.0, 'e1', 5).startswith('reward: nothing')
    gate.take_verdict(replace(VERDICT, stamp_s=2.0))
    assert gate.missing(2.0, 'e1', 5) == ''


@pytest.mark.parametrize('take', ['take_objects', 'take_verdict'])
def test_an_old_stamp_from_the_camera_is_no_restart(take):
    """A camera that hung was once told as a clock that stands, if it was heard last."""
    gate = gate_with()
    gate.take_opening(12.0, 0.5)
    getattr(gate, take)(OBJECTS if take == 'take_objects' else VERDICT)
    assert gate.now_s == 12.0
    assert gate.missing(10.2, 'e1', 5).startswith('object_positions: nothing new')


def test_a_little_older_is_no_restart():
    gate = gate_with()
    gate.take_opening(9.99, 0.1)
    assert gate.now_s == 10.0
    assert gate.missing(10.0, 'e1', 5) == ''


def frame_stamps(gate, cameras):
    gate.needed_cameras = frozenset(cameras)
    missing = gate.missing(10.0, 'e1', 5)
    return missing or {camera: f.stamp_s for camera, f in gate.state(TARGET).frames.items()}


def take_frames(gate, camera, *stamps_s):
    for stamp_s in stamps_s:
        gate.take_frame(camera, stamp_s, lambda: np.zeros((2, 2, 3), np.uint8))


def test_the_frame_of_the_objects_and_the_first_of_other_cameras_since_then():
    gate = gate_with()
    take_frames(gate, 'camera', 9.95, 10.0, 10.05)
    take_frames(gate, 'wrist_camera', 9.98, 10.03, 10.06)
    found = frame_stamps(gate, ['camera', 'wrist_camera'])
    assert found == {'camera': 10.0, 'wrist_camera': 10.03}


@pytest.mark.parametrize(
    ('stamps_s', 'message'),
    [
        (
            (),
            "wrist_camera/color/image_raw: nothing came; is there a camera of the name 'wrist_ca",
        ),
        (
            (9.9, 9.99),
            'wrist_camera/color/image_raw: no frame since 10.000 s, the last is of 9.990',
        ),
        ((9.9, 10.12), 'wrist_camera/color/image_raw: no frame since 10.000 s'),  # too late
    ],
)
def test_a_missing_or_late_camera_is_named(stamps_s, message):
    gate = gate_with()
    take_frames(gate, 'camera', 10.0)
    take_frames(gate, 'wrist_camera', *stamps_s)
    assert message in frame_stamps(gate, ['camera', 'wrist_camera'])


def test_a_film_is_not_waited_for():
    gate = gate_with()
    gate.wanted_cameras = frozenset({'camera'})
    assert frame_stamps(gate, []) == {}
    take_frames(gate, 'camera', 10.0)
    assert frame_stamps(gate, []) == {'camera': 10.0}


@pytest.mark.parametrize(('rate_hz', 'age_s'), [(60.0, 0.3), (10.0, 0.2), (30.0, 0.9)])
def test_a_frame_is_kept_until_the_detector_has_judged_that_time(rate_hz, age_s):
    """Eight frames were, 130 ms of a camera of 60 Hz: a slower detector never got an answer."""
    gate = gate_with()
    take_frames(gate, 'camera', 10.0)
    stamps_s = 9.98 + np.arange(0.0, age_s, 1.0 / rate_hz)
    take_frames(gate, 'wrist_camera', *stamps_s)
    expected = stamps_s[stamps_s >= 10.0][0]
    assert frame_stamps(gate, ['camera', 'wrist_camera'])['wrist_camera'] == expected


def test_frames_that_no_step_asks_for_are_dropped():
    gate = gate_with()
    take_frames(gate, 'camera', *np.arange(0.0, 100.0, 0.1))
    assert len(gate._frames['camera']) <= 11
