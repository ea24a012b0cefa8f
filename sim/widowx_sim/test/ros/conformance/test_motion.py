# SPDX-License-Identifier: Apache-2.0
"""How the joints follow what they are told."""

from interbotix_xs_msgs.msg import (
    JointGroupCommand,
    JointSingleCommand,
    JointTrajectoryCommand,
)
import numpy as np
import pytest
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from xs_sdk_client import ARM, GRIPPER, sim_only, stamp_s, WRIST


def test_a_time_profile_moves_a_joint_in_its_time(client):
    client.write(WRIST, 'Profile_Velocity', 1000)
    client.write(WRIST, 'Profile_Acceleration', 300)
    begin = client.positions()[5]
    goal = begin + (0.1 if begin < 0 else -0.1)
    del client.states[:-1]
    client.single.publish(JointSingleCommand(name='wrist_rotate', cmd=float(goal)))
    # The command is heard at an unknown moment: count from the first sign of motion.
    client.wait(lambda: abs(client.states[-1].position[5] - begin) > 0.005, 'motion')
    moved = stamp_s(client.states[-1])
    client.wait(lambda: stamp_s(client.states[-1]) > moved + 1.5, 'the end of the move')
    times = np.array([stamp_s(state) - moved for state in client.states])
    way = np.array([(state.position[5] - begin) / (goal - begin) for state in client.states])
    # A trapezoid of 1.0 s reaches 5 % after 0.15 s, 50 % after 0.5 s, 95 % after 0.85 s.
    assert times[np.argmax(way > 0.5)] == pytest.approx(0.35, abs=0.15)
    assert times[np.argmax(way > 0.9)] == pytest.approx(0.65, abs=0.2)
    assert way[-1] == pytest.approx(1.0, abs=0.2)
    assert max(abs(state.velocity[5]) for state in client.states) > 0.08


def test_a_pwm_gripper_opens_and_closes_and_linear_position_holds(client):
    client.set_mode(GRIPPER, 'pwm', 'velocity', 0, 0)
    for pwm, is_there in ((250.0, lambda m: m > 0.033), (-250.0, lambda m: m < 0.018)):
        client.single.publish(JointSingleCommand(name='gripper', cmd=pwm))
        client.wait(lambda there=is_there: there(client.states[-1].position[7]), f'PWM {pwm}')
        client.single.publish(JointSingleCommand(name='gripper', cmd=0.0))
    assert client.call('get_robot_info', GRIPPER).mode == 'pwm'
    client.set_mode(GRIPPER, 'linear_position')
    client.single.publish(JointSingleCommand(name='gripper', cmd=0.050))
    client.wait(lambda: abs(client.states[-1].position[7] - 0.025) < 0.002, 'the fingers')


@sim_only('a servo would ignore the goal or hit its limit')
def test_a_goal_out_of_range_is_ignored_by_its_servo_alone(client):
    client.write(ARM, 'Profile_Velocity', 200)
    before = client.positions()[:6]
    goal = before + np.array([0, 9.0, 0, 0, 0, 0.1])
    client.group.publish(JointGroupCommand(name='arm', cmd=[float(q) for q in goal]))
    client.let_pass(0.6)
    moved = client.positions()[:6] - before
    assert moved[5] == pytest.approx(0.1, abs=0.02)
    assert abs(moved[1]) < 0.02


@sim_only('newer drivers may have mended the defect')
def test_a_trajectory_pauses_where_a_whole_second_is_crossed(client):
    client.write(WRIST, 'Profile_Velocity', 50)
    begin = client.positions()[5]
    trajectory = JointTrajectory()
    for index, time_ms in enumerate([0, 900, 1000, 1050]):
        point = JointTrajectoryPoint(positions=[begin + 0.1 * index])
        point.time_from_start.sec = time_ms // 1000
        point.time_from_start.nanosec = time_ms % 1000 * 1_000_000
        trajectory.points.append(point)
    client.trajectory.publish(
        JointTrajectoryCommand(cmd_type='single', name='wrist_rotate', traj=trajectory)
    )
    # The first is never sent, and each other when the one before it is due.
    client.wait(lambda: client.states[-1].position[5] > begin + 0.15, 'the third waypoint')
    third = stamp_s(client.states[-1])
    client.wait(lambda: client.states[-1].position[5] > begin + 0.25, 'the fourth waypoint')
    assert stamp_s(client.states[-1]) - third == pytest.approx(3.395, abs=0.1)
