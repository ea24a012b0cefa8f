# SPDX-License-Identifier: Apache-2.0
"""The servos' measurements as the arm's driver publishes them."""

from dataclasses import dataclass

import numpy as np

from widowx_sim.servos import wx250s
from widowx_sim.servos.floats import FloatArray


@dataclass(frozen=True, kw_only=True)
class JointState:
    """A measured state, in the order of `wx250s.JOINT_STATE_NAMES`."""

    position: FloatArray
    """(9,) [rad]; fingers: distance from the centre [m]."""
    velocity: FloatArray
    """(9,) [rad/s]; 0 for the fingers."""
    effort: FloatArray
    """(9,) [mA]; wrist_rotate and gripper: 2.69 for each 0.1 % of load; fingers: 0."""

    @classmethod
    def of_motors(
        cls, positions: FloatArray, velocities: FloatArray, torques: FloatArray
    ) -> 'JointState':
        """Return the state that the arm's driver publishes of the motors.

        Args:
            positions: (7,) [rad; m of the finger].
            velocities: (7,) [rad/s; m/s of the finger].
            torques: (7,) [N m; N on the finger].
        """
        # Plain floats: this runs a hundred times a second, and single numbers of arrays are dear.
        *arm, finger = positions.tolist()
        *arm_rates, finger_rate = velocities.tolist()
        gripper_rate = wx250s.horn_angle_rate(finger) * finger_rate
        efforts = wx250s.motor_efforts(torques.tolist())
        return cls(
            position=np.array([*arm, wx250s.horn_angle(finger), finger, -finger]),
            velocity=np.array([*arm_rates, gripper_rate, 0.0, 0.0]),
            effort=np.array([*efforts, 0.0, 0.0]),
        )

    @classmethod
    def of_failed_read(cls, position_rad: float) -> 'JointState':
        """Return the state that the driver publishes after a failed read: -pi or NaN each."""
        finger = wx250s.finger_position(position_rad)
        return cls(
            position=np.array([position_rad] * 7 + [finger, -finger]),
            velocity=np.zeros(9),
            effort=np.zeros(9),
        )
