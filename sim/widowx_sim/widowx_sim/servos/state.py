# SPDX-License-Identifier: Apache-2.0
"""The state of a servo apart from its motion profile, and the errors that switch it off."""

from dataclasses import dataclass
from enum import IntEnum

AMBIENT_C = 32
"""Temperature that servos report unless told otherwise [degC]; they do not warm up here."""

STALL_PWM = 300
"""PWM that a servo at a standstill bears only for a while (users: 350 for a few seconds)."""

STALL_TIME_S = 5.0


class HardwareError(IntEnum):
    """Bits of Hardware_Error_Status; a latched one takes the torque off until a reboot."""

    OVERHEATING = 4
    OVERLOAD = 32


@dataclass
class ServoState:
    """State of one servo, and of its shadow servo if it has one."""

    mode: str
    """Operating mode."""
    torque_on: bool = True
    """Whether the servo holds; if not, only friction is left."""
    goal: float = 0.0
    """Goal of the velocity [rad/s], current [mA] and pwm modes."""
    goal_pwm: int = 885
    """Highest PWM in the position modes."""
    position_gain: float = 1.0
    """Position_P_Gain as a part of the factory value."""
    hardware_error: int = 0
    """Hardware_Error_Status."""
    answers: bool = True
    """Whether the servo answers on the bus."""
    temperature_c: int = AMBIENT_C
    """Present_Temperature."""
    stalled_s: float = 0.0
    """How long the servo has pushed at a standstill."""

    @property
    def drives(self) -> bool:
        """Whether the servo takes goals."""
        return self.torque_on and self.answers

    def latch(self, error: HardwareError) -> None:
        """Latch an error: torque is off and goals are ignored, but the servo still answers."""
        self.hardware_error |= error
        self.torque_on = False

    def reboot(self) -> None:
        """Forget errors and all that is kept in RAM; torque is off afterwards."""
        self.hardware_error, self.answers, self.torque_on = 0, True, False
        self.goal, self.goal_pwm, self.position_gain = 0.0, 885, 1.0
        self.temperature_c, self.stalled_s = AMBIENT_C, 0.0

    def note_stall(self, is_still: bool, elapsed_s: float) -> None:
        """Count the time of pushing at a standstill in pwm mode; latch an overload if too long."""
        pushes = self.mode == 'pwm' and self.drives and abs(self.goal) >= STALL_PWM
        self.stalled_s = self.stalled_s + elapsed_s if pushes and is_still else 0.0
        if self.stalled_s > STALL_TIME_S:
            self.latch(HardwareError.OVERLOAD)
