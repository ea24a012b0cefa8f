# SPDX-License-Identifier: Apache-2.0
"""Solves joint positions for an end-effector pose, to put the simulated arm at its start."""

import math

import mujoco
import numpy as np

from parl_files.config_file import ConfigError
from widowx_sim.scene.task_scene import StartPose
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.wx250s import ARM_LOWER_RAD, ARM_UPPER_RAD

STRAIGHT_DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Axes of ee_gripper_link in base_link (columns) when roll, pitch and yaw are 0."""

_GUESS_RAD = np.array([0.0, 0.1, 0.2, 0.0, 1.3, 0.0])


def start_rotation(start: StartPose) -> FloatArray:
    """Return the rotation (3, 3) of ee_gripper_link in base_link at a start pose."""
    roll, pitch, yaw = start.roll_pitch_yaw
    about_x = np.array(
        [[1, 0, 0], [0, math.cos(roll), -math.sin(roll)], [0, math.sin(roll), math.cos(roll)]]
    )
    about_y = np.array(
        [[math.cos(pitch), 0, math.sin(pitch)], [0, 1, 0], [-math.sin(pitch), 0, math.cos(pitch)]]
    )
    about_z = np.array(
        [[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]]
    )
    return about_z @ about_y @ about_x @ STRAIGHT_DOWN


def solve_arm_positions(
    model: mujoco.MjModel,
    position: FloatArray,
    rotation: FloatArray,
    guess: FloatArray = _GUESS_RAD,
) -> FloatArray:
    """Solve the inverse kinematics by damped least squares.

    Args:
        model: model whose first six joints are the arm, with site `ee_gripper`.
        position: (3,) position of ee_gripper_link [m, base_link].
        rotation: (3, 3) rotation of ee_gripper_link in base_link.
        guess: (6,) joint positions to begin with [rad].

    Returns:
        (6,) joint positions [rad] within the limits, exact to 1e-6 m and 1e-6 rad.

    Raises:
        ConfigError: no solution is found from that guess.
    """
    data = mujoco.MjData(model)
    site = model.site('ee_gripper').id
    jacobian = np.zeros((6, model.nv))
    goal = np.zeros(4)
    mujoco.mju_mat2Quat(goal, rotation.reshape(9))
    here, inverse, error = np.zeros(4), np.zeros(4), np.zeros(6)
    joints = np.array(guess, dtype=np.float64)
    for _ in range(200):
        data.qpos[:6] = joints
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mju_mat2Quat(here, data.site_xmat[site])
        mujoco.mju_negQuat(inverse, here)
        mujoco.mju_mulQuat(here, goal, inverse)
        mujoco.mju_quat2Vel(error[3:], here, 1.0)
        error[:3] = position - data.site_xpos[site]
        if np.abs(error).max() < 1e-6:
            return joints
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site)
        arm = jacobian[:, :6]
        step = arm.T @ np.linalg.solve(arm @ arm.T + 1e-6 * np.eye(6), error)
        joints = np.clip(joints + np.clip(step, -0.3, 0.3), ARM_LOWER_RAD, ARM_UPPER_RAD)
    raise ConfigError(
        f'no joint positions reach {np.round(position, 4).tolist()} m in base_link: '
        'choose a start.position nearer to x 0.15..0.40, |y| < 0.25, z < 0.20'
    )
