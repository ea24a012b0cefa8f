# SPDX-License-Identifier: Apache-2.0
"""Hostile targets of bench/driver_fuzz.py through the real node: what goes out on the wire."""

import driver_fuzz
import numpy as np
import pytest

from parl_msgs.msg import EndEffectorTarget
from parl_node.message_conversion import stamp
from widowx_driver.arm.pose import Pose, quaternion_to_matrix
from widowx_driver.arm.state import ArmState
from widowx_driver.safety.command import Command

TARGETS = 300
PERIOD_S = 0.2
FLOAT32_RAD = 3e-7
"""Rounding of a joint position on the wire."""


def target_message(target):
    message = EndEffectorTarget()
    message.header.frame_id = target.frame_id
    if np.isfinite(target.stamp_s):  # a message cannot hold another
        message.header.stamp = stamp(target.stamp_s)
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = map(float, target.position)
    orientation.x, orientation.y, orientation.z, orientation.w = map(float, target.quaternion_xyzw)
    message.gripper = float(target.gripper)
    return message


def executed_pose(message):
    position, orientation = message.pose.position, message.pose.orientation
    quaternion = np.array([orientation.x, orientation.y, orientation.z, orientation.w])
    return Pose(
        position=np.array([position.x, position.y, position.z]),
        rotation=quaternion_to_matrix(quaternion),
    )


class WireFuzz:
    """A started driver under fire, and what its arm heard."""

    def __init__(self, bench, task, seed):
        self._bench, self._task, self._rng = bench, task, np.random.default_rng(seed)
        self._executed = executed_pose(bench.start().target)
        self.accepted, self.broken = 0, []

    def throw(self):
        bench, arm, rng = self._bench, self._bench.arm, self._rng
        is_unreadable = rng.uniform() < 0.05
        arm.overrides = {'elbow': np.nan} if is_unreadable else {}
        arm.publish_state()
        bench.wait(lambda: bool(bench.driver.newest_state.fault) == is_unreadable, 'the state')
        last_joints, now_s = np.array(arm.joints), arm.sim_time_s
        _, target = driver_fuzz.hostile_target(rng, self._executed, now_s, self._task)
        heard = len(arm.executed), len(arm.groups), len(arm.singles)
        arm.targets.publish(target_message(target))
        bench.wait(
            lambda: all(
                len(messages) > count
                for messages, count in zip(
                    (arm.executed, arm.groups, arm.singles), heard, strict=True
                )
            ),
            'an answer and a pair of commands',
        )
        executed, joints = arm.executed[-1], np.array(arm.groups[-1].cmd)
        last = Command(
            joint_positions=last_joints, finger_m=0.02, executed=self._executed, gripper=1.0
        )
        self._executed = executed_pose(executed)
        command = Command(
            joint_positions=joints,
            finger_m=round(arm.singles[-1].cmd / 2, 7),
            executed=self._executed,
            gripper=executed.gripper,
        )
        state = ArmState(stamp_s=now_s, joint_positions=last_joints, finger_m=0.02)
        self.broken += driver_fuzz.broken_limits(command, last, state, now_s, PERIOD_S, self._task)
        is_repeated = np.allclose(joints, last_joints, atol=FLOAT32_RAD)
        self.accepted += not is_repeated
        if is_unreadable and not is_repeated:
            self.broken.append('commanded while broken')


@pytest.mark.parametrize('backend', ['direct'], indirect=True)
def test_three_hundred_hostile_targets_break_no_limit_on_the_wire(sleeping_bench, task):
    fuzz = WireFuzz(sleeping_bench, task, seed=20)
    for _ in range(TARGETS):
        fuzz.throw()
    assert fuzz.broken == []
    assert fuzz.accepted > TARGETS / 2
