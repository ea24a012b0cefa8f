# SPDX-License-Identifier: Apache-2.0
"""The pin-hole camera of a task: intrinsics and pose."""

import math

import numpy as np

from widowx_sim.scene.task_scene import CameraScene
from widowx_sim.servos.floats import FloatArray


def intrinsics(camera: CameraScene) -> FloatArray:
    """Return K (3, 3) [px] of the image, free of distortion, pixel centres at whole numbers."""
    focal = 0.5 * camera.height / math.tan(0.5 * camera.fovy)
    return np.array(
        [
            [focal, 0.0, 0.5 * (camera.width - 1)],
            [0.0, focal, 0.5 * (camera.height - 1)],
            [0.0, 0.0, 1.0],
        ]
    )


def optical_pose(camera: CameraScene) -> FloatArray:
    """Return the optical frame (x right, y down, z forward) in base_link, (4, 4) [m]."""
    position = np.array(camera.position)
    forward = np.array(camera.look_at) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = position
    return pose
