# SPDX-License-Identifier: Apache-2.0
from hypothesis import assume, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from widowx_driver.arm.pose import (
    join_tilt_and_yaw,
    Pose,
    rotation_angle,
    rotation_from_vector,
    rotation_to_vector,
    split_tilt_and_yaw,
    STRAIGHT_DOWN,
)
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import Workspace
from widowx_driver.safety import limits

CONFIG = DriverConfig()
BOX = Workspace(
    low=np.array([0.18, -0.22, 0.025]),
    high=np.array([0.40, 0.26, 0.22]),
    max_tilt=0.30,
    max_yaw=0.57,
)
vectors = st.tuples(*[st.floats(-3.1, 3.1)] * 3).map(np.array)
wild_positions = st.tuples(*[st.floats(-1e6, 1e6)] * 3).map(np.array)


@st.composite
def poses_inside(draw):
    part = np.array([draw(st.floats(0.0, 1.0)) for _ in range(3)])
    angle, size = draw(st.floats(-np.pi, np.pi)), draw(st.floats(0.0, BOX.max_tilt))
    tilt = size * np.array([np.cos(angle), np.sin(angle), 0.0])
    yaw = draw(st.floats(-BOX.max_yaw, BOX.max_yaw))
    return Pose(
        position=BOX.low + part * (BOX.high - BOX.low), rotation=join_tilt_and_yaw(tilt, yaw)
    )


@st.composite
def wild_poses(draw):
    return Pose(position=draw(wild_positions), rotation=rotation_from_vector(draw(vectors)))


def assert_one_step_inside(pose, executed):
    assert BOX.contains(pose, tolerance=1e-8)
    assert np.max(np.abs(pose.position - executed.position)) <= 0.05 + 1e-8
    turn = rotation_to_vector(pose.rotation @ executed.rotation.T)
    assert np.max(np.abs(turn)) <= 0.25 + 1e-8


def test_translation_step_keeps_its_direction():
    origin = np.array([0.3, 0.0, 0.1])
    limited, acted = limits.limit_translation_step(np.array([0.4, -0.04, 0.1]), origin, 0.05)
    assert acted
    assert np.allclose(limited - origin, [0.05, -0.02, 0.0])


def test_rotation_step_keeps_its_axis():
    wanted = rotation_from_vector(np.array([0.5, 0.25, 0.0]))
    limited, acted = limits.limit_rotation_step(wanted, np.eye(3), 0.25)
    assert acted
    assert np.allclose(rotation_to_vector(limited), [0.25, 0.125, 0.0])


def test_a_full_action_is_not_limited():
    """The corner of the action box: 0.05 m and 0.25 rad on every axis at once."""
    executed = Pose(position=np.array([0.28, 0.0, 0.1]), rotation=STRAIGHT_DOWN)
    wide = Workspace(low=BOX.low, high=BOX.high, max_tilt=1.0, max_yaw=1.0)
    wanted = Pose(
        position=executed.position + 0.05,
        rotation=rotation_from_vector(np.full(3, 0.25)) @ STRAIGHT_DOWN,
    )
    limited = limits.limit_pose(wanted, executed, wide, CONFIG)
    assert limited.acted == ()
    assert limited.pose.position is wanted.position


def test_box_clips_each_axis():
    limited, acted = limits.clip_to_box(np.array([0.5, 0.0, -1.0]), BOX.low, BOX.high)
    assert acted
    assert np.array_equal(limited, [0.40, 0.0, 0.025])


def test_tilt_limit_leaves_yaw_and_yaw_limit_leaves_tilt():
    rotation = join_tilt_and_yaw(np.array([0.6, 0.0, 0.0]), 0.8)
    tilted, acted = limits.limit_tilt(rotation, 0.3)
    assert acted
    tilt_vector, yaw = split_tilt_and_yaw(tilted)
    assert np.allclose(tilt_vector, [0.3, 0.0, 0.0])
    assert np.isclose(yaw, 0.8)
    turned, acted = limits.limit_yaw(tilted, 0.57)
    assert acted
    tilt_vector, yaw = split_tilt_and_yaw(turned)
    assert np.allclose(tilt_vector, [0.3, 0.0, 0.0])
    assert np.isclose(yaw, 0.57)


@pytest.mark.parametrize(
    ('opening', 'expected', 'acts'), [(-0.2, 0.0, True), (0.4, 0.4, False), (1.7, 1.0, True)]
)
def test_gripper_is_clipped(opening, expected, acts):
    assert limits.clip_gripper(opening) == (expected, acts)


def test_allowed_joint_step_follows_the_shorter_of_speed_and_step_limits():
    assert limits.allowed_joint_step_rad(0.2, 0.2, CONFIG) == 0.5
    assert np.isclose(limits.allowed_joint_step_rad(0.1, 0.2, CONFIG), 0.1 * 0.9 * np.pi)
    slow = DriverConfig(max_joint_speed_rad_s=1.0)
    assert np.isclose(limits.allowed_joint_step_rad(1000.0, 0.2, slow), 0.2)


@settings(max_examples=150, deadline=None)
@given(wild_poses(), poses_inside())
def test_any_pose_is_brought_inside_every_limit_and_stays_there(wanted, executed):
    limited = limits.limit_pose(wanted, executed, BOX, CONFIG)
    assert_one_step_inside(limited.pose, executed)
    again = limits.limit_pose(limited.pose, executed, BOX, CONFIG)
    assert np.allclose(again.pose.position, limited.pose.position, atol=1e-8)
    assert rotation_angle(again.pose.rotation, limited.pose.rotation) < 1e-7


@settings(max_examples=100, deadline=None)
@given(poses_inside(), poses_inside(), st.floats(0.0, 1.0))
def test_a_pose_inside_every_limit_is_untouched(executed, other, part):
    wanted = Pose(
        position=executed.position + part * 0.2 * (other.position - executed.position),
        rotation=executed.rotation,
    )
    assume(np.max(np.abs(wanted.position - executed.position)) <= 0.05)
    limited = limits.limit_pose(wanted, executed, BOX, CONFIG)
    assert limited.acted == ()
    assert limited.pose.position is wanted.position
    assert limited.pose.rotation is wanted.rotation


@settings(max_examples=60, deadline=None)
@given(vectors, vectors, st.floats(0.01, 1.0))
def test_scaling_limits_are_idempotent(wanted, origin, limit):
    once, _ = limits.limit_translation_step(wanted, origin, limit)
    twice, acted = limits.limit_translation_step(once, origin, limit)
    assert not acted
    assert twice is once
    assert np.max(np.abs(once - origin)) <= limit + 1e-8
    turned, start = rotation_from_vector(wanted), rotation_from_vector(origin)
    once, _ = limits.limit_rotation_step(turned, start, limit)
    twice, acted = limits.limit_rotation_step(once, start, limit)
    assert not acted
    assert twice is once


@settings(max_examples=60, deadline=None)
@given(vectors)
def test_joint_clip_is_inside_and_idempotent(joints):
    once, acted = limits.clip_joints(joints, -np.ones(3), np.ones(3))
    assert np.all(np.abs(once) <= 1.0)
    assert acted == bool(np.any(np.abs(joints) > 1.0))
    assert not limits.clip_joints(once, -np.ones(3), np.ones(3))[1]


def test_a_turn_that_tilt_and_yaw_limits_lengthen_is_shortened_again():
    """From the rim of the tilt cone, clipping tilt and yaw can lengthen a turn."""
    rng = np.random.default_rng(0)
    reshortened = 0
    for _ in range(300):
        angles = rng.uniform(-np.pi, np.pi, 2)
        executed = Pose(
            position=np.array([0.3, 0.0, 0.1]),
            rotation=join_tilt_and_yaw(
                BOX.max_tilt * np.array([np.cos(angles[0]), np.sin(angles[0]), 0]), BOX.max_yaw
            ),
        )
        turn = rotation_from_vector(rng.uniform(-0.6, 0.6, 3))
        wanted = Pose(position=executed.position, rotation=turn @ executed.rotation)
        limited = limits.limit_pose(wanted, executed, BOX, CONFIG)
        assert_one_step_inside(limited.pose, executed)
        reshortened += len(limited.acted) > 1
    assert reshortened > 50
