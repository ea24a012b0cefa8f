# SPDX-License-Identifier: Apache-2.0
"""The arm's published product-of-exponentials description, told apart from its joints' origins."""

import numpy as np

# Published: pose of ee_gripper_link in base_link with all joints at zero, and the joints' screw
# axes (angular, linear) in base_link.
HOME = np.array(
    [[1.0, 0.0, 0.0, 0.458325], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.36065], [0, 0, 0, 1.0]]
)
SCREWS = np.array(
    [
        [0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, -0.11065, 0.0, 0.0],
        [0.0, 1.0, 0.0, -0.36065, 0.0, 0.04975],
        [1.0, 0.0, 0.0, 0.0, 0.36065, 0.0],
        [0.0, 1.0, 0.0, -0.36065, 0.0, 0.29975],
        [1.0, 0.0, 0.0, 0.0, 0.36065, 0.0],
    ]
)


def skew(vector):
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def exponential(screw, angle):
    """Rodrigues' formula for rotation and translation; |angular part| = 1."""
    omega = skew(screw[:3])
    squared = omega @ omega
    pose = np.eye(4)
    pose[:3, :3] += np.sin(angle) * omega + (1 - np.cos(angle)) * squared
    pose[:3, 3] = (
        angle * np.eye(3) + (1 - np.cos(angle)) * omega + (angle - np.sin(angle)) * squared
    ) @ screw[3:]
    return pose


def published_pose(angles):
    pose = np.eye(4)
    for screw, angle in zip(SCREWS, angles, strict=True):
        pose = pose @ exponential(screw, angle)
    return pose @ HOME
