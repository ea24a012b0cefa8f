# SPDX-License-Identifier: Apache-2.0
"""Checks the form of a target; what the arm may do with it is decided in limits.py."""

import numpy as np

from widowx_driver.safety.command import Target

UNIT_NORM_TOLERANCE = 1e-3
GRIPPER_TOLERANCE = 0.01
"""Rounding beyond 0..1 that is clipped rather than refused."""


def target_fault(target: Target, base_frame: str) -> str:
    """Return why a target is malformed, or an empty string.

    Args:
        target: As received.
        base_frame: The only frame in which targets are taken.
    """
    if target.frame_id != base_frame:
        return f'target is in frame {target.frame_id!r}; give it in {base_frame!r}'
    for name, value, size in (
        ('position', target.position, 3),
        ('orientation', target.quaternion_xyzw, 4),
    ):
        if np.shape(value) != (size,):
            return f'target {name} has shape {np.shape(value)}; give ({size},)'
        if not np.all(np.isfinite(value)):
            return f'target {name} is {np.array(value).tolist()}; give finite numbers'
    if not np.isfinite(target.gripper) or not np.isfinite(target.stamp_s):
        return f'target gripper {target.gripper}, stamp {target.stamp_s}; give finite numbers'
    norm = float(np.linalg.norm(target.quaternion_xyzw))
    if abs(norm - 1.0) > UNIT_NORM_TOLERANCE:
        return f'target quaternion has length {norm:.4g}; give a unit quaternion'
    if not -GRIPPER_TOLERANCE <= target.gripper <= 1.0 + GRIPPER_TOLERANCE:
        return f'target gripper is {target.gripper:.4g}; give 0 (closed) .. 1 (open)'
    return ''
