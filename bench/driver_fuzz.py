# SPDX-License-Identifier: Apache-2.0
"""Sends hostile targets to the driver's safety shell and counts broken limits at the joints."""

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path
import time

import numpy as np

from parl_learner.offline.run.whole_number import at_least_0, at_least_1
from widowx_description.arm import joint_limits
from widowx_description.finger import FINGER_CLOSED_M, FINGER_OPEN_M
from widowx_driver.arm.kinematics import forward_kinematics
from widowx_driver.arm.pose import matrix_to_quaternion, Pose, rotation_from_vector
from widowx_driver.arm.state import ArmState
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import DriverTask, load_driver_task
from widowx_driver.safety.command import Command, Target
from widowx_driver.safety.shell import SafetyShell

TASK_FILE = Path(__file__).parents[1] / 'ros2_ws/src/widowx_bringup/config/tasks/cup_to_rack.yaml'
TARGETS = 100_000
KINDS = (
    'plausible', 'far away', 'NaN or infinite position', 'broken quaternion', 'any orientation',
    'gripper out of range', 'wrong frame', 'wrong stamp', 'out of the box', 'adversarial corner',
)  # fmt: skip
LIMITS = (
    'finite', 'joint limit', 'joint step', 'joint speed', 'jump from measured', 'workspace',
    'executed pose', 'finger', 'commanded while broken', 'commanded on old evidence',
)  # fmt: skip
SOLVER_TOLERANCE = 1e-3
"""Error that inverse kinematics may leave: 0.1 mm and 1e-3 rad."""


def hostile_target(
    rng: np.random.Generator, executed: Pose, now_s: float, task: DriverTask
) -> tuple[str, Target]:
    """Return the kind of a target and the target; most are plausible, so that the arm moves."""
    position = executed.position + rng.uniform(-0.05, 0.05, 3)
    rotation = rotation_from_vector(rng.uniform(-0.25, 0.25, 3)) @ executed.rotation
    target = Target(
        stamp_s=now_s,
        frame_id=task.base_frame,
        position=position,
        quaternion_xyzw=matrix_to_quaternion(rotation),
        gripper=rng.uniform(),
    )
    kind = KINDS[rng.integers(1, len(KINDS))] if rng.uniform() < 0.4 else KINDS[0]
    return kind, _spoilt(rng, kind, target, executed, task)


def _spoilt(
    rng: np.random.Generator, kind: str, target: Target, executed: Pose, task: DriverTask
) -> Target:
    position = target.position.copy()
    if kind == 'far away':
        return replace(target, position=rng.choice([0.3, 100.0, 1e300]) * rng.uniform(-1, 1, 3))
    if kind == 'NaN or infinite position':
        position[rng.integers(3)] = rng.choice([np.nan, np.inf, -np.inf])
        return replace(target, position=position)
    if kind == 'broken quaternion':
        factor = rng.choice([np.nan, 0.0, np.inf, 1e-200, 1.01])
        return replace(target, quaternion_xyzw=factor * target.quaternion_xyzw)
    if kind == 'any orientation':
        turned = rotation_from_vector(rng.uniform(-3.1, 3.1, 3))
        return replace(target, quaternion_xyzw=matrix_to_quaternion(turned))
    if kind == 'gripper out of range':
        return replace(target, gripper=float(rng.choice([np.nan, -5.0, 7.0, 1.005, -0.005])))
    if kind == 'wrong frame':
        return replace(target, frame_id='')
    if kind == 'wrong stamp':
        return replace(target, stamp_s=target.stamp_s + rng.choice([-1e9, -5.0, 100.0, np.nan]))
    if kind == 'out of the box':
        return replace(target, position=rng.uniform([0.1, -0.4, -0.1], [0.6, 0.4, 0.5]))
    if kind == 'adversarial corner':
        # Straight to a corner of the box with the largest turn of a step: the most joint motion.
        corner = np.where(rng.uniform(size=3) < 0.5, task.workspace.low, task.workspace.high)
        step = np.clip(corner - executed.position, -0.05, 0.05)
        turn = rotation_from_vector(rng.choice([-0.25, 0.25], 3)) @ executed.rotation
        return replace(
            target,
            position=executed.position + step,
            quaternion_xyzw=matrix_to_quaternion(turn),
        )
    return target


def broken_limits(
    command: Command,
    last: Command,
    state: ArmState,
    now_s: float,
    elapsed_s: float,
    task: DriverTask,
) -> list[str]:
    """Return the limits that a command breaks.

    Args:
        command: The command as it was sent.
        last: The command before it.
        state: Newest joint state at that time.
        now_s: Time at which it was sent [s].
        elapsed_s: Time since the command before it [s].
        task: The task with the workspace.
    """
    config = DriverConfig()
    lower, upper = joint_limits(config.joint_margin_rad)
    joints = command.joint_positions
    step = float(np.max(np.abs(joints - last.joint_positions)))
    jump = float(np.max(np.abs(joints - state.joint_positions)))
    is_kept = {
        'finite': bool(np.all(np.isfinite(joints))),
        'joint limit': bool(np.all(joints >= lower) and np.all(joints <= upper)),
        'joint step': step <= config.max_joint_step_rad + 1e-9,
        'joint speed': step / elapsed_s <= config.max_joint_speed_rad_s + 1e-6,
        'jump from measured': jump <= config.max_jump_from_measured_rad + 1e-9,
        'workspace': task.workspace.contains(forward_kinematics(joints), SOLVER_TOLERANCE),
        'executed pose': task.workspace.contains(command.executed, 1e-8),
        'finger': FINGER_CLOSED_M <= command.finger_m <= FINGER_OPEN_M,
        'commanded while broken': not state.fault,
        'commanded on old evidence': now_s - state.stamp_s <= config.max_joint_state_age_s,
    }  # fmt: skip
    return [name for name, kept in is_kept.items() if not kept]


class Fuzz:
    """A started shell that gets hostile targets, and the counts of results."""

    def __init__(self, task: DriverTask, seed: int) -> None:
        """Start the shell at the task's start pose."""
        self.shell = SafetyShell(DriverConfig(), task)
        self.sent, self.accepted = Counter[str](), Counter[str]()
        self.broken = Counter[str](dict.fromkeys(LIMITS, 0))
        self._task, self._rng = task, np.random.default_rng(seed)
        self._now_s, self._commanded_s = 100.0, 100.0
        self._measured = self.shell.start_command.joint_positions
        self._start()

    def run(self, targets: int) -> None:
        """Send that many targets: in bursts, in time, after silence, to a broken arm."""
        for _ in range(targets):
            self._throw()

    def _throw(self) -> None:
        rng, last = self._rng, self.shell.last_command
        self._now_s += rng.choice([0.001, 0.03, 0.12, 0.2, 0.2, 0.2, 0.21, 3.0])
        self._measured = self._measured + 0.8 * (last.joint_positions - self._measured)
        if rng.uniform() < 0.002:
            self._measured = self._measured + rng.uniform(-0.4, 0.4, 6)
        state = ArmState(
            stamp_s=self._now_s - rng.choice([0.0, 0.01, 0.5], p=[0.6, 0.35, 0.05]),
            joint_positions=self._measured,
            finger_m=0.02,
            fault='joint_states: waist is nan' if rng.uniform() < 0.02 else '',
        )
        kind, target = hostile_target(rng, last.executed, self._now_s, self._task)
        outcome = self.shell.command(target, state, self._now_s)
        self.sent[kind] += 1
        if isinstance(outcome, Command):
            self.accepted[kind] += 1
            elapsed_s = self._now_s - self._commanded_s
            self.broken.update(
                broken_limits(outcome, last, state, self._now_s, elapsed_s, self._task)
            )
            self._commanded_s = self._now_s
        elif self.shell.last_command is not last:
            self.broken['commanded while broken'] += 1

    def _start(self) -> None:
        state = ArmState(stamp_s=self._now_s, joint_positions=self._measured, finger_m=0.02)
        self.shell.start(state, self._now_s)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('targets', nargs='?', type=at_least_1, default=TARGETS)
    parser.add_argument('seed', nargs='?', type=at_least_0, default=0)
    given = parser.parse_args()
    targets, seed = given.targets, given.seed
    fuzz, begin_s = Fuzz(load_driver_task(TASK_FILE), seed), time.monotonic()
    fuzz.run(targets)
    print(f'{targets} targets, seed {seed}, {time.monotonic() - begin_s:.0f} s\n')
    print('| kind of target | sent | executed, perhaps limited |\n|---|---|---|')
    for kind in KINDS:
        print(f'| {kind} | {fuzz.sent[kind]} | {fuzz.accepted[kind]} |')
    print('\n| limit at the joint command | violations |\n|---|---|')
    for limit in LIMITS:
        print(f'| {limit} | {fuzz.broken[limit]} |')


if __name__ == '__main__':
    main()
