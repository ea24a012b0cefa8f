# SPDX-License-Identifier: Apache-2.0
"""The camera on the gripper: a second view, rendered only for those who ask for it."""

import math

import mujoco
import numpy as np

from widowx_sim.servos.floats import FloatArray

NAME = 'wrist_camera'
WIDTH, HEIGHT = 320, 240
"""Size of its image [px]."""
FOVY = 1.1
"""Vertical field of view [rad]."""
POSITION = np.array([-0.10, 0.0, 0.07])
"""Optical centre in ee_gripper_link, whose x points along the fingers [m]."""
LOOK_AT = np.array([0.04, 0.0, 0.0])
"""Point on the optical axis, in ee_gripper_link [m]."""


def add_wrist_camera(gripper: mujoco.MjsSite) -> None:
    """Mount it on the body of the site `ee_gripper`, whose axes are those of its body."""
    forward = LOOK_AT - POSITION
    forward /= np.linalg.norm(forward)
    right = np.array([0.0, -1.0, 0.0])
    # MuJoCo's cameras look along -z with y up.
    rotation = np.column_stack([right, np.cross(right, forward), -forward])
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rotation.reshape(9))
    gripper.parent.add_camera(
        name=NAME,
        pos=np.array(gripper.pos) + POSITION,
        quat=quaternion,
        fovy=math.degrees(FOVY),
    )


def intrinsics() -> FloatArray:
    """Return K (3, 3) [px] of its image, free of distortion."""
    focal = 0.5 * HEIGHT / math.tan(0.5 * FOVY)
    return np.array(
        [[focal, 0.0, 0.5 * (WIDTH - 1)], [0.0, focal, 0.5 * (HEIGHT - 1)], [0.0, 0.0, 1.0]]
    )
