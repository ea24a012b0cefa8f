# SPDX-License-Identifier: Apache-2.0
"""Finger position to gripper opening."""

from __future__ import annotations

# Travel of the left finger from the centre [m]: the mechanism's, not the URDF's (field tables).
_CLOSED_M = 0.010
_OPEN_M = 0.037
# Squeezing hard bends the finger beyond its travel by less; a failed bus read reports -pi or NaN.
_SLACK_M = 0.010


def gripper_opening(finger_m: float) -> float:
    """Return 0 closed ... 1 open, or NaN where `finger_m` [m] is no finger position."""
    if not _CLOSED_M - _SLACK_M <= finger_m <= _OPEN_M + _SLACK_M:
        return float('nan')
    opening = (finger_m - _CLOSED_M) / (_OPEN_M - _CLOSED_M)
    return min(1.0, max(0.0, opening))
