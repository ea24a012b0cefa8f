# SPDX-License-Identifier: Apache-2.0
"""What a servo remembers beside its motion profile, and what makes it give up."""

from dataclasses import dataclass
from enum import IntEnum

AMBIENT_C = 32
"""Temperature that servos report unless told otherwise [degC]; they do not warm up here."""

STALL_PWM = 300
"""PWM that a servo at a standstill bears only for a while: ~350 'for a few seconds' [users]."""

STALL_TIME_S = 5.0


class HardwareError(IntEnum):
    """Bits of Hardware_Error_Status; a latched one takes the torque off until a reboot."""

    OVERHEATING = 4
    OVERLOAD = 32


@dataclass
class ServoState:
    """One servo, with its shadow if it has one."""

    mode: str
    """Operating mode."""
    torque_on: bool = True
    """Whether it holds; off, only friction is left."""
    goal: float = 0.0
    """Goal of the velocity [rad/s], current [mA] and pwm modes."""
    goal_pwm: int = 885
    """Highest PWM in the position modes."""
    position_gain: float = 1.0
    """Position_P_Gain as a part of the factory's."""
    hardware_error: int = 0
    """Hardware_Error_Status."""
    answers: bool = True
    """Whether it answers on the bus."""
    temperature_c: int = AMBIENT_C
    """Present_Temperature."""
    stalled_s: float = 0.0
    """How long it has pushed at a standstill."""

    @property
    def drives(self) -> bool:
        """Whether it takes goals."""
        return self.torque_on and self.answers

    def latch(self, error: HardwareError) -> None:
        """Give up: torque off, goals ignored, still answering."""
        self.hardware_error |= error
        self.torque_on = False

    def reboot(self) -> None:
        """Forget errors and everything kept in RAM; torque is off afterwards."""
        self.hardware_error, self.answers, self.torque_on = 0, True, False
        self.goal, self.goal_pwm, self.position_gain = 0.0, 885, 1.0
        self.temperature_c, self.stalled_s = AMBIENT_C, 0.0

    def note_stall(self, is_still: bool, elapsed_s: float) -> None:
        """Count the time of pushing at a standstill in pwm mode; too long is an overload."""
        pushes = self.mode == 'pwm' and self.drives and abs(self.goal) >= STALL_PWM
        self.stalled_s = self.stalled_s + elapsed_s if pushes and is_still else 0.0
        if self.stalled_s > STALL_TIME_S:
            self.latch(HardwareError.OVERLOAD)
