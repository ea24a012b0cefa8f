# SPDX-License-Identifier: Apache-2.0
"""What the servos report about themselves: errors, torque, temperature."""

from collections.abc import Sequence

from widowx_driver.driver_config import DriverConfig
from widowx_driver.servos.dialogue import Script
from widowx_driver.servos.request import ALL_GROUP, read_register, SERVO_NAMES, silent_servo_fault

ERROR_BITS = {
    1: 'input voltage',
    4: 'overheating',
    8: 'encoder',
    16: 'electrical shock',
    32: 'overload',
}
OVERLOAD = 32

# Every second look reads the errors.
_ORDER = (
    'Hardware_Error_Status',
    'Torque_Enable',
    'Hardware_Error_Status',
    'Present_Temperature',
)


class ServoHealth:
    """Keeps the newest answers and judges them."""

    def __init__(self, config: DriverConfig) -> None:
        self._config = config
        self._turn = 0
        self.forget()

    def forget(self) -> None:
        """Forget all answers: the servos were rebooted or the arm was restarted."""
        self._values: dict[str, list[int]] = {}
        self._missing = ''
        self._fault: str | None = None

    def next_look(self) -> Script:
        """Ask for one register: a request stalls joint_states for 7 transactions."""
        register = _ORDER[self._turn % len(_ORDER)]
        self._turn += 1
        answer = yield read_register(ALL_GROUP, register)
        self.note(register, list(answer.values))

    def hurry(self) -> None:
        """Ask for the errors at the next look."""
        self._turn -= self._turn % 2

    def note(self, register: str, values: Sequence[int]) -> None:
        """Take the values of a register, one per servo up to the first that did not answer."""
        self._missing = silent_servo_fault(SERVO_NAMES, values)
        if not self._missing:
            self._values[register] = list(values)
        self._fault = None

    @property
    def answers(self) -> bool:
        """Whether every servo answered at the last look."""
        return not self._missing

    @property
    def errors(self) -> dict[str, int]:
        """Hardware_Error_Status of each servo that reports one."""
        return {name: bits for name, bits in self._named('Hardware_Error_Status') if bits}

    @property
    def limp(self) -> tuple[str, ...]:
        """Names of the servos that do not hold."""
        torque = {name for name, is_on in self._named('Torque_Enable') if not is_on}
        return tuple(name for name in SERVO_NAMES if name in torque or name in self.errors)

    @property
    def hottest_c(self) -> int | None:
        """Highest temperature [degC]; None if it was never read."""
        return max((value for _, value in self._named('Present_Temperature')), default=None)

    def fault(self) -> str:
        """Return why the arm must not go on, or an empty string."""
        # Asked at every joint state, while an answer comes twice a second.
        if self._fault is None:
            self._fault = self._judge()
        return self._fault

    def _judge(self) -> str:
        if self.errors:
            named = '; '.join(
                f'{name}: {_error_names(bits)}' for name, bits in self.errors.items()
            )
            return f'servo fault: {named}; it let go: call go_to_start, or support it and recover'
        if self._missing:
            return self._missing
        if self.limp:
            return f'{", ".join(self.limp)} without torque; support the arm, then call recover'
        return self._heat(self._config.pause_temperature_c, 'let it rest in its rest pose')

    def warning(self) -> str:
        """Return what soon needs attention, or an empty string."""
        return self._heat(self._config.warn_temperature_c, 'plan a rest')

    def _heat(self, limit_c: float, remedy: str) -> str:
        for name, value in self._named('Present_Temperature'):
            if value >= limit_c:
                return f'{name} is {value} degC (limit {limit_c:g}); {remedy}'
        return ''

    def _named(self, register: str) -> list[tuple[str, int]]:
        return list(zip(SERVO_NAMES, self._values.get(register, ()), strict=False))


def _error_names(bits: int) -> str:
    names = [name for bit, name in ERROR_BITS.items() if bits & bit]
    return f'{" and ".join(names) or "unknown error"} (Hardware_Error_Status {bits})'
