# SPDX-License-Identifier: Apache-2.0
"""Throws hostile targets at the shell and counts what reaches the joints."""

from collections import Counter

import numpy as np

from widowx_driver.arm_model import joint_limits
from widowx_driver.arm_state import ArmState
from widowx_driver.command import Command, Target
from widowx_driver.kinematics import ForwardKinematics
from widowx_driver.pose import matrix_to_quaternion, rotation_from_vector

TARGETS = 2000
SOLVER_TOLERANCE = 1e-3
"""0.1 mm and 1e-3 rad are what inverse kinematics may leave."""


def hostile_target(rng, executed, now_s):
    """Mostly plausible steps, so that the shell gets around; one in three is hostile."""
    position = executed.position + rng.uniform(-0.05, 0.05, 3)
    rotation = rotation_from_vector(rng.uniform(-0.25, 0.25, 3)) @ executed.rotation
    quaternion, gripper = matrix_to_quaternion(rotation), rng.uniform()
    frame_id, stamp_s = 'wx250s/base_link', now_s
    kind = rng.integers(0, 24)
    if kind == 0:
        position = rng.uniform(-100.0, 100.0, 3)
    elif kind == 1:
        position[rng.integers(3)] = rng.choice([np.nan, np.inf, -np.inf, 1e300])
    elif kind == 2:
        quaternion = rng.choice([np.nan, 0.0, np.inf, 1e-200]) * quaternion
    elif kind == 3:
        quaternion = matrix_to_quaternion(rotation_from_vector(rng.uniform(-3.1, 3.1, 3)))
    elif kind == 4:
        gripper = rng.choice([np.nan, -5.0, 7.0, 1.005, -0.005])
    elif kind == 5:
        frame_id = ''
    elif kind == 6:
        stamp_s = now_s + rng.choice([-1e9, -5.0, 100.0, np.nan])
    elif kind == 7:
        position = rng.uniform([0.1, -0.4, -0.1], [0.6, 0.4, 0.5])
    return Target(
        stamp_s=stamp_s,
        frame_id=frame_id,
        position=position,
        quaternion_xyzw=quaternion,
        gripper=gripper,
    )


def violations(command, previous, elapsed_s, workspace, forward):
    lower, upper = joint_limits(0.05)
    step = np.max(np.abs(command.joint_positions - previous.joint_positions))
    reached = forward.pose(command.joint_positions)
    counted = Counter()
    counted['finite'] += not np.all(np.isfinite(command.joint_positions))
    counted['joint limit'] += bool(
        np.any(command.joint_positions < lower) or np.any(command.joint_positions > upper)
    )
    counted['joint step'] += step > 0.5 + 1e-9
    counted['joint speed'] += step / elapsed_s > 0.9 * np.pi + 1e-6
    counted['workspace'] += not workspace.contains(reached, SOLVER_TOLERANCE)
    counted['executed'] += not workspace.contains(command.executed, 1e-8)
    counted['finger'] += not 0.010 <= command.finger_m <= 0.037
    return counted


def test_two_thousand_hostile_targets_break_no_limit(started, task):
    rng = np.random.default_rng(20)
    forward, found, accepted = ForwardKinematics(), Counter(), 0
    now_s, last_command_s = 100.0, 100.0
    measured = started.last_command.joint_positions
    for _ in range(TARGETS):
        # bursts, jitter, and now and then silence
        now_s += rng.choice([0.001, 0.03, 0.12, 0.2, 0.2, 0.2, 0.21, 3.0])
        previous = started.last_command
        measured = measured + 0.8 * (previous.joint_positions - measured)
        fault = 'joint_states: waist is nan' if rng.uniform() < 0.02 else ''
        state = ArmState(
            stamp_s=now_s - rng.choice([0.0, 0.01, 0.5], p=[0.6, 0.35, 0.05]),
            joint_positions=measured,
            finger_m=0.02,
            fault=fault,
        )
        outcome = started.command(hostile_target(rng, previous.executed, now_s), state, now_s)
        if isinstance(outcome, Command):
            accepted += 1
            found += violations(outcome, previous, now_s - last_command_s, task.workspace, forward)
            last_command_s = now_s
        else:
            assert outcome.reason
            assert started.last_command is previous
    assert sum(found.values()) == 0, found
    assert accepted > TARGETS / 4
