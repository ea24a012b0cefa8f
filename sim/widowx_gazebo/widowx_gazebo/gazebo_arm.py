# SPDX-License-Identifier: Apache-2.0
"""The arm in Gazebo as the body of the simulated servos: set-points in, measured joints out."""

from dataclasses import dataclass

import numpy as np

from widowx_sim.servos import wx250s
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.joint_state import JointState
from widowx_sim.servos.servos import Servos

_MODES = ('position', 'ext_position', 'linear_position', 'velocity')
"""The modes that a controller of positions can follow."""


@dataclass(frozen=True, kw_only=True)
class MeasuredJoints:
    """Gazebo's measurements of the eight joints that it drives, with both fingers."""

    stamp_s: float
    """Simulated time [s]."""
    positions: FloatArray
    """(8,) [rad; m of a finger]."""
    velocities: FloatArray
    """(8,) [rad/s; m/s of a finger]."""
    efforts: FloatArray
    """(8,) [N m; N of a finger]."""


class GazeboServos(Servos):
    """Servos whose joints always hold: without torque they only ignore goals."""

    def modes(self, motor: int) -> list[str]:
        """Return the modes of a servo, without those that command current or voltage."""
        return [mode for mode in super().modes(motor) if mode in _MODES]


class GazeboArm:
    """Follows the servos' set-points, one step for each measured state."""

    def __init__(self, measured: MeasuredJoints) -> None:
        """Create an arm that holds where it is."""
        self._measured, self._positions = measured, _within_limits(measured)
        self.servos = GazeboServos(self._positions)

    @property
    def stamp_s(self) -> float:
        """Simulated time of the newest state."""
        return self._measured.stamp_s

    def advance(self, measured: MeasuredJoints) -> FloatArray:
        """Take a measured state and return the next set-points (8,) [rad; m of a finger]."""
        elapsed_s = measured.stamp_s - self.stamp_s
        self._measured, self._positions = measured, _within_limits(measured)
        if elapsed_s < 0.0:  # the world was reset, and the arm with it
            self.servos.profile.hold(self._positions)
        set_points = self.servos.advance(max(elapsed_s, 0.0))
        return np.append(set_points, -set_points[6])

    def motor_positions(self) -> FloatArray:
        """Return the measured positions of the servos, (7,) [rad; m of the finger]."""
        return self._positions

    def joint_state(self) -> JointState:
        """Return the servos' measurements; the efforts are those of Gazebo's joints."""
        velocities, efforts = self._measured.velocities[:7], self._measured.efforts[:7]
        return JointState.of_motors(self._positions, velocities, efforts)


def _within_limits(measured: MeasuredJoints) -> FloatArray:
    """Return the motors' positions (7,) [rad; m]; Gazebo's fingers begin at an impossible 0."""
    lower = np.append(wx250s.ARM_LOWER_RAD, wx250s.FINGER_CLOSED_M)
    upper = np.append(wx250s.ARM_UPPER_RAD, wx250s.FINGER_OPEN_M)
    return np.clip(measured.positions[:7], lower, upper)
