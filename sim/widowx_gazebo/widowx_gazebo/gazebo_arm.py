# SPDX-License-Identifier: Apache-2.0
"""The arm in Gazebo as the body of the simulated servos: set-points in, measured joints out."""

from dataclasses import dataclass

import numpy as np

from widowx_sim.servos import wx250s
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.joint_state import JointState
from widowx_sim.servos.servos import Servos

_MODES = ('position', 'ext_position', 'linear_position', 'velocity')
"""What a controller that takes positions can follow."""


@dataclass(frozen=True, kw_only=True)
class MeasuredJoints:
    """What Gazebo tells of the eight joints that it drives, both fingers among them."""

    stamp_s: float
    """Simulated time."""
    positions: FloatArray
    """(8,) [rad; m of a finger]."""
    velocities: FloatArray
    """(8,) [rad/s; m/s of a finger]."""
    efforts: FloatArray
    """(8,) [N m; N of a finger]."""


class GazeboServos(Servos):
    """Servos whose joints are held whatever happens: without torque they only ignore goals."""

    def modes(self, motor: int) -> list[str]:
        """See Servos; without those that command current or voltage."""
        return [mode for mode in super().modes(motor) if mode in _MODES]


class GazeboArm:
    """Follows the servos' set-points, one step a measured state."""

    def __init__(self, measured: MeasuredJoints) -> None:
        """Hold the arm where it is."""
        self._measured, self._positions = measured, _within_limits(measured)
        self.servos = GazeboServos(self._positions)

    @property
    def stamp_s(self) -> float:
        """Simulated time of the newest state."""
        return self._measured.stamp_s

    def advance(self, measured: MeasuredJoints) -> FloatArray:
        """Take a measured state; return the set-points (8,) [rad; m of a finger] from now on."""
        elapsed_s = measured.stamp_s - self.stamp_s
        self._measured, self._positions = measured, _within_limits(measured)
        if elapsed_s < 0.0:  # the world was put back to its beginning, and the arm with it
            self.servos.profile.hold(self._positions)
        set_points = self.servos.advance(max(elapsed_s, 0.0))
        return np.append(set_points, -set_points[6])

    def motor_positions(self) -> FloatArray:
        """See widowx_sim.servos.bus.Body."""
        return self._positions

    def joint_state(self) -> JointState:
        """See widowx_sim.servos.bus.Body; efforts are what Gazebo tells of the joints."""
        velocities, efforts = self._measured.velocities[:7], self._measured.efforts[:7]
        return JointState.of_motors(self._positions, velocities, efforts)


def _within_limits(measured: MeasuredJoints) -> FloatArray:
    """Return the motors' positions (7,); Gazebo's fingers begin at 0, where no real one can be."""
    lower = np.append(wx250s.ARM_LOWER_RAD, wx250s.FINGER_CLOSED_M)
    upper = np.append(wx250s.ARM_UPPER_RAD, wx250s.FINGER_OPEN_M)
    return np.clip(measured.positions[:7], lower, upper)
