# SPDX-License-Identifier: Apache-2.0
"""The fingers: their travel, the gripper opening that it is, and where they end."""

GRIPPER_NAME = 'gripper'
"""The servo that moves both fingers, in joint_states [rad] and in commands."""
LEFT_FINGER_NAME = 'left_finger'
"""The left finger; its position [m] is its distance from the middle."""
RIGHT_FINGER_NAME = 'right_finger'
"""The right finger; its position is the negative of the left finger's."""

FINGER_CLOSED_M = 0.010
FINGER_OPEN_M = 0.037
"""left_finger at gripper opening 0 and 1, as the real mechanism moves; the vendor's URDF has 0.015
for closed."""
FINGER_SLACK_M = 0.010
"""A hard grasp bends a finger beyond its travel by less than this."""

FINGERTIP_M = 0.015625
"""Distance from ee_gripper_link to the end of a finger, along the gripper: 0.0432 - 0.027575, both
measured from the fingers' common frame. In the vendor's mesh of a finger it is 0.05 mm less."""
FINGERTIP_ASIDE_M = 0.0383
"""Distance of the outer corner of an open finger's end from the gripper's axis: 36 mm along the
fingers' travel, 13 mm across it."""


def finger_from_opening(opening: float) -> float:
    """Return the left_finger position [m] of a gripper opening in 0 (closed) .. 1 (open)."""
    return FINGER_CLOSED_M + opening * (FINGER_OPEN_M - FINGER_CLOSED_M)


def opening_from_finger(finger_m: float) -> float:
    """Return the gripper opening of a left_finger position [m].

    Returns:
        0 (closed) .. 1 (open); NaN for an impossible position, as after a failed read.
    """
    if not FINGER_CLOSED_M - FINGER_SLACK_M <= finger_m <= FINGER_OPEN_M + FINGER_SLACK_M:
        return float('nan')
    opening = (finger_m - FINGER_CLOSED_M) / (FINGER_OPEN_M - FINGER_CLOSED_M)
    return min(1.0, max(0.0, opening))
