# SPDX-License-Identifier: Apache-2.0
"""A slow straight path through joint space."""

import numpy as np

from widowx_driver.arm.pose import FloatArray


def joint_ramp(
    start_joints: FloatArray,
    end_joints: FloatArray,
    max_speed_rad_s: float,
    period_s: float,
    min_duration_s: float = 0.0,
) -> FloatArray:
    """Return the set-points of a slow move, one per control period.

    All joints arrive together; the joint with the longest way sets the duration. The path is a
    smooth step (3s^2 - 2s^3), whose highest speed is 1.5 times the mean.

    Args:
        start_joints: (6,) [rad], not repeated in the result.
        end_joints: (6,) [rad], the last set-point.
        max_speed_rad_s: Highest speed of any joint.
        period_s: Time between set-points.
        min_duration_s: The move takes at least this long, even over no distance.

    Returns:
        (N, 6) [rad]; N = 0 if there is neither distance nor minimum duration.
    """
    distance = float(np.max(np.abs(end_joints - start_joints)))
    duration_s = max(1.5 * distance / max_speed_rad_s, min_duration_s)
    count = int(np.ceil(duration_s / period_s - 1e-9))
    if count <= 0:
        return np.empty((0, len(end_joints)))
    part = np.arange(1, count + 1) / count
    smooth = part * part * (3.0 - 2.0 * part)
    set_points: FloatArray = start_joints + smooth[:, None] * (end_joints - start_joints)
    return set_points
